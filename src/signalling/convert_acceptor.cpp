// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/address_scope.hpp"
#include "signalling/convert.hpp"
#include "wire/convert.hpp"

namespace anabranch::signalling {
namespace {

using wire::ConvertCode;
using wire::ConvertMessage;
namespace kind = wire::tcp_kind;

/// Whoever makes a SYN makes these itself: not announced, and passed over in a Connect
/// (RFC 8803 sections 7.1 to 7.3).
constexpr std::array kOwnMatter{kind::kMaximumSegmentSize, kind::kWindowScale, kind::kSack};

bool is_own_matter(std::uint8_t option) {
  return std::ranges::find(kOwnMatter, option) != kOwnMatter.end();
}

bool may_be_announced(std::uint8_t option) {
  return option > kind::kNoOperation && !is_own_matter(option) && option != kind::kAuthentication;
}

bool is_broadcast_or_multicast(const IpAddress& address) {
  const auto octets = address.octets();
  if (!address.is_v4()) return octets[0] == 0xff;
  return (octets[0] & 0xf0) == 0xe0 || address.to_v4() == 0xffffffff;
}

/// What no connection can have at its other end, wherever it is asked for. What a policy may allow
/// or not (private, link-local) is left to the role.
bool is_no_destination(const Endpoint& endpoint) {
  const auto& address = endpoint.address;
  const bool this_network = address.is_v4() && address.octets()[0] == 0;
  return endpoint.port == 0 || address.is_unspecified() || this_network || is_loopback(address) ||
         is_broadcast_or_multicast(address);
}

/// Whether the content is one that the option can have in a SYN of ours.
bool content_fits(const TcpOption& option) {
  constexpr std::size_t kMinCookie = 4;  // RFC 7413 section 2
  constexpr std::size_t kMaxCookie = 16;
  const std::size_t size = option.value.size();
  switch (option.kind) {
    case kind::kSackPermitted:
    case kind::kTimestamps:
    case kind::kMptcp:
      return size == 0;
    case kind::kFastOpen:
      return size == 0 || (size >= kMinCookie && size <= kMaxCookie && size % 2 == 0);
    default:
      return true;
  }
}

Octets error(ConvertCode code, Octets value = {}) {
  ConvertMessage message;
  message.error = {code, std::move(value)};
  return wire::encode(message).value_or(Octets{});
}

std::uint8_t seconds_octet(std::chrono::seconds wait) {
  return static_cast<std::uint8_t>(std::clamp<std::int64_t>(wait.count(), 0, 0xff));
}

class ConvertAcceptor : public Acceptor {
 public:
  explicit ConvertAcceptor(ConvertAcceptorSettings settings) : settings_(std::move(settings)) {
    std::erase_if(settings_.supported, [](auto option) { return !may_be_announced(option); });
  }

  std::variant<NeedMore, Say, Asked, Answered, Refusal> hear(Heard octets) override {
    const auto length = wire::convert_length(octets);
    if (std::holds_alternative<wire::ConvertMore>(length)) return NeedMore{};
    if (const auto* fault = std::get_if<wire::ConvertFault>(&length))
      return refuse(*fault, octets.first(wire::kConvertHeader));
    const std::size_t size = std::get<std::size_t>(length);
    if (octets.size() < size) return NeedMore{};
    const Heard whole = octets.first(size);
    const auto message = wire::decode_convert(whole);
    if (!message) return refuse(message.error(), whole);
    return judge(*message, whole);
  }

  Octets answer(const Outcome& outcome) const override {
    switch (outcome.verdict) {
      case Verdict::kEstablished:
        return established(outcome);
      case Verdict::kNotAuthorized:
        return error(ConvertCode::kNotAuthorized);
      case Verdict::kUnsupportedOption:
        return error(ConvertCode::kUnsupportedTcpOption, outcome.refused);
      case Verdict::kResourceExceeded:
        return error(ConvertCode::kResourceExceeded, {seconds_octet(outcome.wait)});
      case Verdict::kNetworkFailure:
        return error(ConvertCode::kNetworkFailure, {seconds_octet(outcome.wait)});
      case Verdict::kReset:
        return error(ConvertCode::kConnectionReset);
      case Verdict::kUnreachable:
        return error(ConvertCode::kDestinationUnreachable, {outcome.icmp_code});
    }
    std::unreachable();
  }

 private:
  using Said = std::variant<NeedMore, Say, Asked, Answered, Refusal>;

  static Refusal refuse(const wire::ConvertFault& fault, Heard message) {
    if (!fault.answer) return {.reply = {}, .reason = std::string(fault.what), .reset = true};
    if (*fault.answer == ConvertCode::kUnsupportedVersion)
      return {error(*fault.answer, {wire::kConvertVersion}), std::string(fault.what)};
    return {error(*fault.answer, {message.begin(), message.end()}), std::string(fault.what)};
  }

  Said judge(const ConvertMessage& message, Heard whole) {
    // An error is not answered with another one.
    if (message.error) return Refusal{.reply = {}, .reason = "error-tlv", .reset = true};
    if (message.supported || message.extended_tcp_header)
      return refuse({"unexpected-tlv", ConvertCode::kUnsupportedMessage}, whole);
    if (!message.connect && !message.info)
      return refuse({"empty", ConvertCode::kMalformedMessage}, whole);
    if (auto refusal = check_cookie(message)) return *std::move(refusal);
    info_ = message.info;
    if (message.connect) return judge(*message.connect, whole);
    return Answered{established({}), whole.size()};
  }

  Said judge(const wire::ConvertConnect& connect, Heard whole) {
    if (is_no_destination(connect.peer))
      return refuse({"destination", ConvertCode::kMalformedMessage}, whole);
    Request request{connect.peer};
    std::vector<std::uint8_t> refused;
    for (const auto& option : connect.options) {
      if (is_own_matter(option.kind)) continue;
      if (can_place(option.kind))
        request.options.push_back(option);
      else if (std::ranges::find(refused, option.kind) == refused.end())
        refused.push_back(option.kind);
    }
    if (!refused.empty())
      return Refusal{error(ConvertCode::kUnsupportedTcpOption, std::move(refused)),
                     "unsupported-option"};
    if (!std::ranges::all_of(request.options, content_fits))
      return refuse({"option-content", ConvertCode::kMalformedMessage}, whole);
    extended_ = !connect.options.empty();
    return Asked{std::move(request), whole.size()};
  }

  std::optional<Refusal> check_cookie(const ConvertMessage& message) const {
    if (settings_.cookies == nullptr) return std::nullopt;
    if (!message.cookie)
      return Refusal{error(ConvertCode::kMissingCookie,
                           settings_.cookies->make(settings_.client, settings_.now)),
                     "missing-cookie"};
    if (!settings_.cookies->good(*message.cookie, settings_.client, settings_.now))
      return Refusal{error(ConvertCode::kNotAuthorized), "bad-cookie"};
    return std::nullopt;
  }

  bool can_place(std::uint8_t option) const {
    return std::ranges::find(settings_.supported, option) != settings_.supported.end();
  }

  Octets established(const Outcome& outcome) const {
    ConvertMessage message;
    if (extended_) message.extended_tcp_header = outcome.options;
    if (info_) message.supported = settings_.supported;
    if (auto octets = wire::encode(message)) return *std::move(octets);
    // Options that no message can hold are not told; that it is established is.
    message.extended_tcp_header.emplace();
    return wire::encode(message).value_or(Octets{});
  }

  ConvertAcceptorSettings settings_;
  bool info_ = false;
  bool extended_ = false;
};

}  // namespace

std::unique_ptr<Acceptor> convert_acceptor(ConvertAcceptorSettings settings) {
  return std::make_unique<ConvertAcceptor>(std::move(settings));
}

}  // namespace anabranch::signalling
