// SPDX-License-Identifier: MIT
#include "probe/http_exchange.hpp"

#include <gtest/gtest.h>

namespace anabranch::probe {
namespace {

using State = HttpAnswer::State;

TEST(HttpExchange, AsksWithTheHostAndEndsTheConnection) {
  EXPECT_EQ(build_get("example.org", "/generate_204"),
            "GET /generate_204 HTTP/1.1\r\nHost: example.org\r\nUser-Agent: anabranch\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n");
}

TEST(HttpExchange, TheStatusIsEnough) {
  const auto answer = parse_http_answer("HTTP/1.1 204 No Content\r\nServer: x\r\n");
  EXPECT_EQ(answer.state, State::kStatus);
  EXPECT_EQ(answer.status, 204u);
  EXPECT_EQ(parse_http_answer("HTTP/1.0 200\r\n").status, 200u) << "no reason, older version";
}

TEST(HttpExchange, SuccessAndRedirectionAreGood) {
  const auto good = [](const char* line) { return parse_http_answer(line).good(); };
  EXPECT_TRUE(good("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(good("HTTP/1.1 302 Found\r\n"));
  EXPECT_FALSE(good("HTTP/1.1 100 Continue\r\n"));
  EXPECT_FALSE(good("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_FALSE(good("HTTP/1.1 503 Busy\r\n"));
}

TEST(HttpExchange, WaitsForTheWholeNumber) {
  const std::string_view whole = "HTTP/1.1 200 ";
  for (std::size_t i = 0; i < whole.size(); ++i)
    EXPECT_EQ(parse_http_answer(whole.substr(0, i)).state, State::kIncomplete) << i;
  EXPECT_EQ(parse_http_answer(whole).state, State::kStatus);
}

TEST(HttpExchange, SomethingElseIsKnownAtOnce) {
  for (const char* other : {"SSH-2.0-x", "H2", "HTTP/2 200", "HTTP/1.1 2000", "HTTP/1.1 600 x",
                            "HTTP/1.1  200", "\r\n", "HTTP/1.1 20x "})
    EXPECT_EQ(parse_http_answer(other).state, State::kNotHttp) << other;
}

}  // namespace
}  // namespace anabranch::probe
