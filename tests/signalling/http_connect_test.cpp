// SPDX-License-Identifier: MIT
#include "signalling/http_connect.hpp"

#include <string>

#include "octets.hpp"

namespace anabranch::signalling {
namespace {

using namespace std::chrono_literals;

auto hear(std::string_view head) {
  return hear_slowly(*http_connect_acceptor(), text(head));
}

Request request(std::string_view head) {
  return expect<Asked>(hear(head)).request;
}

/// "400 malformed": the status that refuses and the reason.
std::string refused(std::string_view head) {
  const auto refusal = expect<Refusal>(hear(head));
  const std::string reply(refusal.reply.begin(), refusal.reply.end());
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 ")) << reply;
  EXPECT_TRUE(reply.ends_with("Content-Length: 0\r\nConnection: close\r\n\r\n")) << reply;
  return reply.substr(9, 3) + " " + refusal.reason;
}

TEST(HttpConnect, TakesAddressesAndNames) {
  EXPECT_EQ(request("CONNECT 192.0.2.80:443 HTTP/1.1\r\nHost: 192.0.2.80:443\r\n\r\n"),
            Request{endpoint("192.0.2.80:443")});
  EXPECT_EQ(request("CONNECT [2001:db8::50]:22 HTTP/1.1\r\nHost: [2001:db8::50]:22\r\n\r\n"),
            Request{endpoint("[2001:db8::50]:22")});
  EXPECT_EQ(request("CONNECT example.org:443 HTTP/1.1\r\nhost: example.org:443\r\n\r\n"),
            (Request{.endpoint = {{}, 443}, .name = "example.org"}));
}

TEST(HttpConnect, PassesOverWhatElseIsInTheHead) {
  const std::string head =
      "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\nUser-Agent: curl/8\r\n"
      "Proxy-Connection: Keep-Alive\r\nX-Empty:\r\nX-Latin: \xe4\t\r\n\r\n";
  EXPECT_EQ(expect<Asked>(hear(head)).consumed, head.size());
}

TEST(HttpConnect, LeavesTheClientsDataAlone) {
  const std::string head = "CONNECT example.org:443 HTTP/1.0\r\n\r\n";
  const auto asked = expect<Asked>(http_connect_acceptor()->hear(text(head + "\x16\x03\x01\r\n")));
  EXPECT_EQ(asked.consumed, head.size());
}

TEST(HttpConnect, TakesOlderWaysToWriteIt) {
  EXPECT_EQ(request("CONNECT example.org:443 HTTP/1.0\r\n\r\n").name, "example.org");
  EXPECT_EQ(request("CONNECT example.org:443 HTTP/1.1\nHost: a\n\n").name, "example.org");
}

TEST(HttpConnect, WantsOneHostField) {
  EXPECT_EQ(refused("CONNECT example.org:443 HTTP/1.1\r\n\r\n"), "400 malformed");
  EXPECT_EQ(refused("CONNECT example.org:443 HTTP/1.1\r\nHost: a\r\nHOST: a\r\n\r\n"),
            "400 malformed");
}

TEST(HttpConnect, WantsHostAndPort) {
  for (const auto* target :
       {"example.org", "example.org:", "example.org:0", "example.org:65536", "/", "*",
        "http://example.org/", "user@example.org:443", ":443", "2001:db8::50", "2001:db8::50:443",
        "[192.0.2.1]:443", "[::1", "fe80::1%1:443", "127.1:80", "b\xc3\xbc:443", "a/b:443"})
    EXPECT_EQ(refused("CONNECT " + std::string(target) + " HTTP/1.1\r\n"), "400 destination")
        << target;
}

TEST(HttpConnect, IsNoOtherProxy) {
  EXPECT_EQ(refused("GET http://example.org/ HTTP/1.1\r\n"), "405 method");
  EXPECT_EQ(refused("connect example.org:443 HTTP/1.1\r\n"), "405 method");
  const auto refusal = expect<Refusal>(hear("GET / HTTP/1.1\r\n"));
  EXPECT_NE(std::string(refusal.reply.begin(), refusal.reply.end()).find("\r\nAllow: CONNECT\r\n"),
            std::string::npos);
  EXPECT_EQ(refused("CONNECT example.org:443 HTTP/2.0\r\n"), "505 version");
  EXPECT_EQ(refused("CONNECT example.org:443 HTTP/1.10\r\n"), "505 version");
}

TEST(HttpConnect, RefusesWhatIsNoHttp) {
  for (const std::string& head :
       {std::string("\x16\x03\x01"), std::string("\x05\x01\x00", 3), std::string("\r\n"),
        std::string(" CONNECT a:1 HTTP/1.1\r\n"), std::string("CONNECT\r\n"),
        std::string("CONNECT a:1\r\n"), std::string("CONNECT a:1 b HTTP/1.1\r\n"),
        std::string("CONNECT a:1 HTTQ/1.1\r\n"), std::string("CONNECT a:1 HTTP/1.1 \r\n"),
        std::string("CONNECT\ta:1 HTTP/1.1\r\n"), std::string("CONNECT a\0:1 HTTP/1.1\r\n", 24),
        std::string("CONNECT a:1 HTTP/1.1\r\r\n")})
    EXPECT_EQ(refused(head), "400 malformed") << head;
  for (const auto* field : {"Host", " Host: a", "Host : a", ": a", "Ho st: a", "Host: a\x01"})
    EXPECT_EQ(refused("CONNECT a:1 HTTP/1.1\r\n" + std::string(field) + "\r\n\r\n"),
              "400 malformed")
        << field;
}

TEST(HttpConnect, TakesNoHeadWithoutAnEnd) {
  const std::string line = "CONNECT example.org:443 HTTP/1.1\r\nHost: a\r\nX: ";
  EXPECT_EQ(refused(line + std::string(kMaxSetupOctets, 'x')), "431 too-long");
  EXPECT_EQ(refused(std::string(kMaxSetupOctets, 'A')), "431 too-long");
  const std::string longest =
      line + std::string(kMaxSetupOctets - line.size() - 4, 'x') + "\r\n\r\n";
  EXPECT_EQ(expect<Asked>(hear(longest)).consumed, kMaxSetupOctets);
}

TEST(HttpConnect, SaysWhatBecameOfTheConnection) {
  const auto acceptor = http_connect_acceptor();
  acceptor->hear(text("CONNECT a:1 HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(acceptor->answer({}), text("HTTP/1.1 200 Connection established\r\n\r\n"));
  const auto status = [&](const Outcome& outcome) {
    const auto octets = acceptor->answer(outcome);
    return std::string(octets.begin() + 9, octets.begin() + 12);
  };
  EXPECT_EQ(status({.verdict = Verdict::kNotAuthorized}), "403");
  EXPECT_EQ(status({.verdict = Verdict::kUnsupportedOption}), "502");
  EXPECT_EQ(status({.verdict = Verdict::kNetworkFailure}), "504");
  EXPECT_EQ(status({.verdict = Verdict::kReset}), "502");
  EXPECT_EQ(status({.verdict = Verdict::kUnreachable}), "502");
  EXPECT_EQ(acceptor->answer({.verdict = Verdict::kResourceExceeded, .wait = 30s}),
            text("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 0\r\n"
                 "Connection: close\r\n\r\n"));
}

}  // namespace
}  // namespace anabranch::signalling
