// SPDX-License-Identifier: MIT
#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "signalling/convert.hpp"
#include "wire/convert.hpp"

namespace anabranch::signalling {
namespace {

using wire::ConvertCode;
using wire::ConvertError;
using wire::ConvertMessage;

/// A cookie goes with a Connect into a SYN, beside which there should be room for data. A longer
/// one is taken for no cookie.
constexpr std::size_t kMaxCookie = 256;
/// RFC 8803 section 6.2.8: when a converter tells no time to wait.
constexpr std::chrono::seconds kWait{30};

std::chrono::seconds wait_of(const ConvertError& error) {
  const std::chrono::seconds told{error.value.empty() ? 0 : error.value.front()};
  return told.count() == 0 ? kWait : told;
}

/// The peer speaks, but not what we understand.
Failed not_understood(std::string_view reason) {
  return {.reason = std::string(reason), .peer_unusable = true};
}

/// A code that has no name here counts by its class.
Failed unnamed(ConvertCode code) {
  constexpr unsigned kClient = 32;
  constexpr unsigned kConverter = 64;
  constexpr unsigned kDestination = 96;
  const auto number = static_cast<unsigned>(code);
  Failed out{.reason = fmt::format("peer-error-{}", number)};
  if (number < kConverter) out.verdict = Verdict::kNotAuthorized;
  if (number < kClient) out.peer_unusable = true;
  if (number >= kConverter && number < kDestination) {
    out.verdict = Verdict::kResourceExceeded;
    out.wait = kWait;
  }
  return out;
}

class ConvertInitiator : public Initiator {
 public:
  ConvertInitiator(ConvertInitiatorSettings settings, bool connect)
      : settings_(std::move(settings)), connect_(connect) {}

  Octets opening(const Request& request) override {
    if (!request.name.empty()) return {};
    ConvertMessage message;
    message.info = settings_.ask_supported || !connect_;
    if (!settings_.cookie.empty()) message.cookie = settings_.cookie;
    if (connect_) message.connect = {request.endpoint, request.options};
    return wire::encode(message).value_or(Octets{});
  }

  bool data_may_follow() const override { return connect_; }

  std::variant<NeedMore, Say, Accepted, Failed> hear(Heard octets) override {
    const auto length = wire::convert_length(octets);
    if (std::holds_alternative<wire::ConvertMore>(length)) return NeedMore{};
    if (const auto* fault = std::get_if<wire::ConvertFault>(&length))
      return not_understood(fault->what);
    const std::size_t size = std::get<std::size_t>(length);
    if (octets.size() < size) return NeedMore{};
    auto message = wire::decode_convert(octets.first(size));
    if (!message) return not_understood(message.error().what);
    if (message->error) return failed(*message->error);
    if (message->connect || message->info || message->cookie)
      return not_understood("unexpected-tlv");
    if (!connect_ && !message->supported) return not_understood("unexpected-tlv");
    return accepted(std::move(*message), size);
  }

 private:
  static Accepted accepted(ConvertMessage message, std::size_t size) {
    Accepted out{.consumed = size, .supported = std::move(message.supported)};
    if (message.extended_tcp_header) out.options = *std::move(message.extended_tcp_header);
    out.destination_mptcp = std::ranges::find(out.options, wire::tcp_kind::kMptcp,
                                              &TcpOption::kind) != out.options.end();
    return out;
  }

  Failed failed(const ConvertError& error) const {
    switch (error.code) {
      case ConvertCode::kUnsupportedVersion:
        return not_understood("peer-unsupported-version");  // we speak one version only
      case ConvertCode::kMalformedMessage:
        return {.reason = "peer-malformed", .verdict = Verdict::kNotAuthorized};
      case ConvertCode::kUnsupportedMessage:
        return {.reason = "peer-unsupported-message", .verdict = Verdict::kNotAuthorized};
      case ConvertCode::kMissingCookie:
        return missing_cookie(error);
      case ConvertCode::kNotAuthorized:
        return {.reason = "peer-not-authorized",
                .verdict = Verdict::kNotAuthorized,
                .cookie_refused = !settings_.cookie.empty()};
      case ConvertCode::kUnsupportedTcpOption:
        return {.reason = "peer-unsupported-option",
                .verdict = Verdict::kUnsupportedOption,
                .refused = error.value};
      case ConvertCode::kResourceExceeded:
        return {.reason = "peer-resource-exceeded",
                .verdict = Verdict::kResourceExceeded,
                .wait = wait_of(error)};
      case ConvertCode::kNetworkFailure:
        return {.reason = "peer-network-failure",
                .verdict = Verdict::kNetworkFailure,
                .wait = wait_of(error)};
      case ConvertCode::kConnectionReset:
        return {.reason = "peer-reset", .verdict = Verdict::kReset};
      case ConvertCode::kDestinationUnreachable:
        return {.reason = "peer-unreachable",
                .verdict = Verdict::kUnreachable,
                .icmp_code = error.value.empty() ? std::uint8_t{0} : error.value.front()};
    }
    return unnamed(error.code);
  }

  /// A cookie is worth another try if we had none: who does not see ours will not see the next.
  Failed missing_cookie(const ConvertError& error) const {
    Failed out{.reason = "peer-missing-cookie", .verdict = Verdict::kNotAuthorized};
    if (settings_.cookie.empty() && error.value.size() <= kMaxCookie) out.cookie = error.value;
    return out;
  }

  ConvertInitiatorSettings settings_;
  bool connect_;
};

}  // namespace

std::unique_ptr<Initiator> convert_initiator(ConvertInitiatorSettings settings) {
  return std::make_unique<ConvertInitiator>(std::move(settings), true);
}

std::unique_ptr<Initiator> convert_inquiry(ConvertInitiatorSettings settings) {
  return std::make_unique<ConvertInitiator>(std::move(settings), false);
}

}  // namespace anabranch::signalling
