// SPDX-License-Identifier: MIT
// A Transport Converter that hears the input: the first octet says how it is set, the second how
// much comes at a time. Whatever comes, it decides once, by the length the message has, and what it
// answers can be read.
#include <algorithm>
#include <optional>

#include "base/address_scope.hpp"
#include "input.hpp"
#include "signalling/convert.hpp"
#include "wire/convert.hpp"

using namespace anabranch;
using namespace anabranch::signalling;
using fuzz::require;

namespace {

wire::ConvertMessage readable(const Octets& reply) {
  require(reply.size() <= wire::kConvertMaxMessage, "an answer is a message");
  const auto message = wire::decode_convert(reply);
  require(message.has_value(), "an answer can be read");
  require(!message->connect && !message->info && !message->cookie, "and comes from a converter");
  return *message;
}

void look_at(const Refusal& refusal) {
  require(!refusal.reason.empty(), "a refusal has a reason");
  require(refusal.reset == refusal.reply.empty(), "who is not reset is told why");
  if (!refusal.reset) require(readable(refusal.reply).error.has_value(), "by an error");
}

void look_at(const Asked& asked, const Acceptor& acceptor, bool any_option) {
  const auto& [endpoint, name, options] = asked.request;
  require(name.empty() && endpoint.port != 0, "a destination");
  require(!endpoint.address.is_unspecified() && !is_loopback(endpoint.address), "not ourselves");
  require(any_option || options.empty(), "no option that cannot be placed");
  for (const auto& option : options)
    require(option.kind != wire::tcp_kind::kMptcp || option.value.empty(), "MPTCP is ours to fill");
  for (unsigned verdict = 0; verdict <= static_cast<unsigned>(Verdict::kUnreachable); ++verdict) {
    const auto answer = readable(acceptor.answer({.verdict = static_cast<Verdict>(verdict)}));
    require(answer.error.has_value() == (verdict != 0), "an error unless it is established");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input({data, size});
  const auto how = input.octet();
  const std::size_t step = 1 + input.octet() % 64;
  const auto octets = input.take(size);

  static const ConvertCookies kCookies(Octets(32, 0x5a), std::chrono::seconds(300));
  ConvertAcceptorSettings settings;
  if ((how & 1) != 0) settings.supported = {0, 1, 2, 3, 4, 5, 8, 29, 30, 34, 254};
  if ((how & 2) != 0) settings.cookies = &kCookies;
  // Without the cookie that the fuzzer cannot know it would get no further.
  Octets heard;
  if ((how & 6) == 6) {
    wire::ConvertMessage message;
    message.cookie = kCookies.make(settings.client, settings.now);
    heard = wire::encode(message).value();
    heard.insert(heard.end(), octets.begin(), octets.end());
    heard[1] = static_cast<std::uint8_t>(std::min<std::size_t>(heard.size() / 4, 0xff));
  } else {
    heard.assign(octets.begin(), octets.end());
  }

  const auto acceptor = convert_acceptor(settings);
  std::optional<std::size_t> said;
  for (std::size_t there = 0; !said && there < heard.size();) {
    there = std::min(there + step, heard.size());
    const auto answer = acceptor->hear(Heard(heard).first(there));
    require(!std::holds_alternative<Say>(answer), "one exchange");
    if (std::holds_alternative<NeedMore>(answer)) {
      require(there < wire::kConvertMaxMessage, "a message has an end");
      continue;
    }
    said = answer.index();
    if (const auto* refusal = std::get_if<Refusal>(&answer)) look_at(*refusal);
    if (const auto* asked = std::get_if<Asked>(&answer)) {
      require(asked->consumed <= there, "what is consumed was there");
      look_at(*asked, *acceptor, (how & 1) != 0);
    }
    if (const auto* answered = std::get_if<Answered>(&answer)) {
      require(answered->consumed <= there, "what is consumed was there");
      require(readable(answered->reply).supported.has_value(), "an answer to a question");
    }
  }
  const auto at_once = convert_acceptor(settings)->hear(heard).index();
  require(said ? *said == at_once : at_once == 0, "pieces change nothing");
  return 0;
}
