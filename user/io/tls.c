/* tls.c - not in yet. */
#include <errno.h>
#include "io/stream_internal.h"

void tls_pump(struct stream *s)
{
	(void)s;
}
void tls_flush(struct stream *s)
{
	(void)s;
}
void tls_drop(struct stream *s)
{
	(void)s;
}
int stream_tls_server(struct stream *s, struct tls_front *front, struct tls_cert *cert)
{
	(void)s, (void)front, (void)cert;
	return -EOPNOTSUPP;
}
int stream_tls_client(struct stream *s, struct tls_back *back, const char *host)
{
	(void)s, (void)back, (void)host;
	return -EOPNOTSUPP;
}
int tls_front_new(struct tls_front **out)
{
	*out = NULL;
	return 0;
}
void tls_front_free(struct tls_front **f)
{
	*f = NULL;
}
int tls_back_new(struct view pem, struct view own_ca_pem, struct tls_back **out)
{
	(void)pem, (void)own_ca_pem;
	*out = NULL;
	return 0;
}
void tls_back_free(struct tls_back **b)
{
	*b = NULL;
}
int tls_cert_new(struct view leaf, struct view issuer, struct view key, struct tls_cert **out)
{
	(void)leaf, (void)issuer, (void)key;
	*out = NULL;
	return 0;
}
struct tls_cert *tls_cert_ref(struct tls_cert *c)
{
	return c;
}
void tls_cert_unref(struct tls_cert **c)
{
	*c = NULL;
}
