// SPDX-License-Identifier: MIT
// What arrives at a health probe's socket: an IPv4 packet, an ICMPv6 message, the beginning of an
// HTTP answer. Refused, or exactly what stands in it.
#include "input.hpp"
#include "probe/echo.hpp"
#include "probe/http_exchange.hpp"

using namespace anabranch;

namespace {

void echo(Family family, std::span<const std::uint8_t> message) {
  const auto reply = probe::parse_echo_reply(family, message);
  if (!reply) return;
  auto again = probe::build_echo(family, *reply);
  fuzz::require(again.size() == message.size(), "a reply is as long as the request");
  for (std::size_t i = 4; i < again.size(); ++i)
    fuzz::require(again[i] == message[i], "a reply repeats the request");
}

void http(std::string_view text) {
  using State = probe::HttpAnswer::State;
  const auto answer = probe::parse_http_answer(text);
  fuzz::require(answer.state != State::kStatus || (answer.status >= 100 && answer.status < 600),
                "a status is one of HTTP's");
  fuzz::require(!answer.good() || answer.state == State::kStatus, "only a status is good");
  // More octets change nothing that is decided, and what they decide was open before.
  const auto earlier = probe::parse_http_answer(text.substr(0, text.size() / 2));
  fuzz::require(earlier.state == State::kIncomplete ||
                    (earlier.state == answer.state && earlier.status == answer.status),
                "a verdict is final");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> octets{data, size};
  echo(Family::kIpv4, probe::icmp_of_ipv4(octets));
  echo(Family::kIpv4, octets);
  echo(Family::kIpv6, octets);
  http(fuzz::text_of(data, size));
  return 0;
}
