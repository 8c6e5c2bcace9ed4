// SPDX-License-Identifier: MIT
#include <algorithm>
#include <optional>
#include <utility>

#include "signalling/host_name.hpp"
#include "signalling/socks5.hpp"
#include "signalling/socks5_words.hpp"

namespace anabranch::signalling {
namespace {

using namespace socks5;

Octets reply_of(Reply reply, const Endpoint& bound = {}) {
  const auto octets = bound.address.octets();
  Octets out;
  out.reserve(4 + octets.size() + 2);
  for (const std::uint8_t one : {kVersion, static_cast<std::uint8_t>(reply), std::uint8_t{0},
                                 bound.address.is_v4() ? kIpv4 : kIpv6})
    out.push_back(one);
  for (const auto octet : octets) out.push_back(octet);
  out.push_back(static_cast<std::uint8_t>(bound.port >> 8));
  out.push_back(static_cast<std::uint8_t>(bound.port));
  return out;
}

Refusal refuse(Reply reply, std::string reason) {
  return {reply_of(reply), std::move(reason)};
}

std::string_view as_text(Heard octets) {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

/// Greeting, user name and password where they are asked for, request: each as soon as it is there.
class Socks5Acceptor : public Acceptor {
 public:
  explicit Socks5Acceptor(Socks5AcceptorSettings settings) : settings_(std::move(settings)) {}

  std::variant<NeedMore, Say, Asked, Answered, Refusal> hear(Heard octets) override {
    const Heard rest = octets.subspan(std::min(done_, octets.size()));
    switch (stage_) {
      case Stage::kGreeting:
        return hear_greeting(rest);
      case Stage::kPassword:
        return hear_password(rest);
      case Stage::kRequest:
        return hear_request(rest);
    }
    std::unreachable();
  }

  Octets answer(const Outcome& outcome) const override {
    switch (outcome.verdict) {
      case Verdict::kEstablished:
        return reply_of(Reply::kSucceeded, outcome.bound);
      case Verdict::kNotAuthorized:
        return reply_of(Reply::kNotAllowed);
      case Verdict::kUnsupportedOption:
      case Verdict::kResourceExceeded:
        return reply_of(Reply::kGeneralFailure);
      case Verdict::kNetworkFailure:
        return reply_of(Reply::kHostUnreachable);
      case Verdict::kReset:
        return reply_of(Reply::kConnectionRefused);
      case Verdict::kUnreachable:
        return reply_of(outcome.icmp_code == 0 ? Reply::kNetworkUnreachable
                                               : Reply::kHostUnreachable);
    }
    std::unreachable();
  }

 private:
  enum class Stage : std::uint8_t { kGreeting, kPassword, kRequest };
  using Said = std::variant<NeedMore, Say, Asked, Answered, Refusal>;

  Say go_on(Stage next, std::size_t size, Octets octets) {
    stage_ = next;
    done_ += size;
    return {std::move(octets)};
  }

  Said hear_greeting(Heard octets) {
    if (octets.empty()) return NeedMore{};
    if (octets[0] != kVersion) return Refusal{.reply = {}, .reason = "not-socks5", .reset = true};
    if (octets.size() < 2 || octets.size() < 2u + octets[1]) return NeedMore{};
    const auto methods = octets.subspan(2, octets[1]);
    const auto wanted = settings_.allowed ? kMethodPassword : kMethodNone;
    if (std::ranges::find(methods, wanted) == methods.end())
      return Refusal{{kVersion, kMethodNoneAcceptable}, "no-method"};
    return go_on(settings_.allowed ? Stage::kPassword : Stage::kRequest, 2 + methods.size(),
                 {kVersion, wanted});
  }

  Said hear_password(Heard octets) {
    if (octets.empty()) return NeedMore{};
    if (octets[0] != kPasswordVersion)
      return Refusal{{kPasswordVersion, kPasswordBad}, "bad-authentication"};
    if (octets.size() < 2) return NeedMore{};
    const std::size_t user_end = 2u + octets[1];
    if (octets.size() <= user_end) return NeedMore{};
    const std::size_t end = user_end + 1 + octets[user_end];
    if (octets.size() < end) return NeedMore{};
    const auto user = octets.first(user_end).subspan(2);
    const auto password = octets.first(end).subspan(user_end + 1);
    if (!settings_.allowed(as_text(user), as_text(password)))
      return Refusal{{kPasswordVersion, kPasswordBad}, "bad-password"};
    return go_on(Stage::kRequest, end, {kPasswordVersion, kPasswordGood});
  }

  Said hear_request(Heard octets) const {
    if (octets.size() < kHead) return NeedMore{};
    if (octets[0] != kVersion) return refuse(Reply::kGeneralFailure, "malformed");
    if (octets[1] != kCommandConnect) return refuse(Reply::kCommandNotSupported, "command");
    std::size_t from = kHead;
    std::size_t size = 0;
    switch (octets[3]) {
      case kIpv4:
        size = 4;
        break;
      case kIpv6:
        size = 16;
        break;
      case kName:
        if (octets.size() <= kHead) return NeedMore{};
        size = octets[from++];
        break;
      default:
        return refuse(Reply::kAddressTypeNotSupported, "address-type");
    }
    if (octets.size() < from + size + kPort) return NeedMore{};
    const auto host = octets.subspan(from, size);
    const auto port =
        static_cast<std::uint16_t>(octets[from + size] << 8 | octets[from + size + 1]);
    auto request = octets[3] == kName ? request_for(as_text(host), port) : literal(host, port);
    if (!request) return refuse(Reply::kGeneralFailure, "destination");
    return Asked{*std::move(request), done_ + from + size + kPort};
  }

  static std::optional<Request> literal(Heard host, std::uint16_t port) {
    const auto address = IpAddress::from_octets(host);
    if (!address || port == 0) return std::nullopt;
    return Request{{address->unmapped(), port}};
  }

  Socks5AcceptorSettings settings_;
  Stage stage_ = Stage::kGreeting;
  std::size_t done_ = 0;  ///< octets of the stages before
};

}  // namespace

std::unique_ptr<Acceptor> socks5_acceptor(Socks5AcceptorSettings settings) {
  return std::make_unique<Socks5Acceptor>(std::move(settings));
}

}  // namespace anabranch::signalling
