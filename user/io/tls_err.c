/*
 * tls_err.c - why a handshake or a connection failed, in our numbers.
 * Floor: io.
 * As a client it is the result of the verification that counts; as a server it is what the client's alert says of our certificate.
 */
#include <openssl/x509_vfy.h>

#include "base/err.h"
#include "base/log.h"
#include "io/tls_internal.h"

static const struct {
	long result;
	int err;
} verdicts[] = {
	{X509_V_ERR_CERT_HAS_EXPIRED, -ERR_TLS_EXPIRED},
	{X509_V_ERR_CERT_NOT_YET_VALID, -ERR_TLS_EXPIRED},
	{X509_V_ERR_HOSTNAME_MISMATCH, -ERR_TLS_NAME},
	{X509_V_ERR_IP_ADDRESS_MISMATCH, -ERR_TLS_NAME},
};

static int of_verification(long result)
{
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (verdicts[i].result == result)
			return verdicts[i].err;
	return -ERR_TLS_UNTRUSTED;
}

static bool refuses_us(int reason)
{
	return reason == SSL_R_TLSV1_ALERT_UNKNOWN_CA || reason == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE ||
	       reason == SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN;
}

int tls_err_take(const SSL *ssl)
{
	bool server = SSL_is_server(ssl), refused = false, unverified = false;
	unsigned long e;

	while ((e = ERR_get_error())) {
		if (ERR_GET_LIB(e) != ERR_LIB_SSL)
			continue;
		refused |= refuses_us(ERR_GET_REASON(e));
		unverified |= ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED;
		log_detail("tls: as %s: %s", server ? "server" : "client", ERR_reason_error_string(e) ?: "no reason");
	}
	if (server)
		return refused ? -ERR_TLS_CLIENT_REFUSED : -ERR_TLS;
	return unverified ? of_verification(SSL_get_verify_result(ssl)) : -ERR_TLS;
}
