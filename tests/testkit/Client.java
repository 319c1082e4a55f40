// Client.java URL - java.net.http alone: the steps of fetchclient.mjs.
import java.net.URI;
import java.net.http.*;

public class Client {
	static HttpClient http = HttpClient.newHttpClient();
	static String url;

	static String post(String method, String params) throws Exception {
		String body = "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"" + method + "\",\"params\":" + params + "}";
		HttpRequest request = HttpRequest.newBuilder(URI.create(url)).header("Content-Type", "application/json")
			.header("Accept", "application/json, text/event-stream").header("Authorization", "Bearer " + System.getenv("PLACEHOLDER"))
			.POST(HttpRequest.BodyPublishers.ofString(body)).build();
		return http.send(request, HttpResponse.BodyHandlers.ofString()).body();
	}

	static String call(String name, String args) throws Exception {
		return post("tools/call", "{\"name\":\"" + name + "\",\"arguments\":" + args + "}");
	}

	static void step(String name, boolean good) {
		if (good)
			System.out.println(name);
	}

	public static void main(String[] args) throws Exception {
		url = args[0];
		String tools = post("tools/list", "{}");
		step("list", tools.contains("\"echo\"") && !tools.contains("\"fail\""));
		step("allowed", call("echo", "{\"message\":\"hello\"}").contains("hello"));
		step("denied", call("echo", "{\"path\":\"/etc/shadow\"}").contains("System files are off limits."));
		step("streamed", call("stream", "{}").split("data:").length > 2);
		Thread.sleep(3000);
		step("reconnect", call("echo", "{\"message\":\"again\"}").contains("again"));
	}
}
