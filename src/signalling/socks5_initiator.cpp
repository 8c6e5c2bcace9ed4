// SPDX-License-Identifier: MIT
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "signalling/socks5.hpp"
#include "signalling/socks5_words.hpp"

namespace anabranch::signalling {
namespace {

using namespace socks5;

constexpr std::size_t kMaxText = 255;  ///< what a length octet can say

void append(Octets& out, std::string_view text) {
  out.push_back(static_cast<std::uint8_t>(text.size()));
  out.insert(out.end(), text.begin(), text.end());
}

Octets request_octets(const Request& request) {
  Octets out{kVersion, kCommandConnect, 0};
  if (!request.name.empty()) {
    out.push_back(kName);
    append(out, request.name);
  } else {
    const auto& address = request.endpoint.address;
    out.push_back(address.is_v4() ? kIpv4 : kIpv6);
    out.insert(out.end(), address.octets().begin(), address.octets().end());
  }
  out.push_back(static_cast<std::uint8_t>(request.endpoint.port >> 8));
  out.push_back(static_cast<std::uint8_t>(request.endpoint.port));
  return out;
}

Failed unusable(std::string reason, Verdict verdict = Verdict::kNetworkFailure) {
  return {.reason = std::move(reason), .verdict = verdict, .peer_unusable = true};
}

Failed refused(std::uint8_t reply) {
  constexpr std::uint8_t kHostUnreachableCode = 1;
  Failed out{.reason = fmt::format("peer-error-{}", reply)};
  switch (static_cast<Reply>(reply)) {
    case Reply::kNotAllowed:
    case Reply::kAddressTypeNotSupported:
      out.verdict = Verdict::kNotAuthorized;
      break;
    case Reply::kHostUnreachable:
      out.icmp_code = kHostUnreachableCode;
      [[fallthrough]];
    case Reply::kNetworkUnreachable:
      out.verdict = Verdict::kUnreachable;
      break;
    case Reply::kConnectionRefused:
      out.verdict = Verdict::kReset;
      break;
    case Reply::kCommandNotSupported:
      out.peer_unusable = true;
      break;
    default:  // without a name, or with one that says as little
      break;
  }
  return out;
}

class Socks5Initiator : public Initiator {
 public:
  explicit Socks5Initiator(Socks5InitiatorSettings settings) : settings_(std::move(settings)) {}

  Octets opening(const Request& request) override {
    if (request.name.size() > kMaxText || settings_.user.size() > kMaxText ||
        settings_.password.size() > kMaxText)
      return {};
    request_ = request_octets(request);
    if (settings_.user.empty()) return {kVersion, 1, kMethodNone};
    return {kVersion, 2, kMethodNone, kMethodPassword};
  }

  bool data_may_follow() const override { return false; }

  std::variant<NeedMore, Say, Accepted, Failed> hear(Heard octets) override {
    const Heard rest = octets.subspan(std::min(done_, octets.size()));
    switch (stage_) {
      case Stage::kMethod:
        return hear_method(rest);
      case Stage::kPassword:
        return hear_password(rest);
      case Stage::kReply:
        return hear_reply(rest);
    }
    std::unreachable();
  }

 private:
  enum class Stage : std::uint8_t { kMethod, kPassword, kReply };
  using Said = std::variant<NeedMore, Say, Accepted, Failed>;

  Say go_on(Stage next, Octets octets) {
    stage_ = next;
    done_ += 2;  // both answers before the reply are of this length
    return {std::move(octets)};
  }

  Said hear_method(Heard octets) {
    if (octets.empty()) return NeedMore{};
    if (octets[0] != kVersion) return unusable("not-socks5");
    if (octets.size() < 2) return NeedMore{};
    if (octets[1] == kMethodNone) return go_on(Stage::kReply, request_);
    if (octets[1] != kMethodPassword || settings_.user.empty())
      return unusable("no-method", Verdict::kNotAuthorized);
    Octets out{kPasswordVersion};
    append(out, settings_.user);
    append(out, settings_.password);
    return go_on(Stage::kPassword, std::move(out));
  }

  Said hear_password(Heard octets) {
    if (octets.size() < 2) return NeedMore{};
    if (octets[0] != kPasswordVersion) return unusable("malformed");
    if (octets[1] != kPasswordGood) return unusable("bad-password", Verdict::kNotAuthorized);
    return go_on(Stage::kReply, request_);
  }

  Said hear_reply(Heard octets) const {
    if (octets.empty()) return NeedMore{};
    if (octets[0] != kVersion) return unusable("malformed");
    if (octets.size() < 2) return NeedMore{};
    // Some servers close in the middle of a reply that is no success: the rest says nothing.
    if (octets[1] != static_cast<std::uint8_t>(Reply::kSucceeded)) return refused(octets[1]);
    if (octets.size() <= kHead) return NeedMore{};
    std::size_t size = kHead + kPort;
    switch (octets[3]) {
      case kIpv4:
        size += 4;
        break;
      case kIpv6:
        size += 16;
        break;
      case kName:
        size += 1u + octets[kHead];
        break;
      default:
        return unusable("malformed");
    }
    if (octets.size() < size) return NeedMore{};
    return Accepted{.consumed = done_ + size};
  }

  Socks5InitiatorSettings settings_;
  Octets request_;
  Stage stage_ = Stage::kMethod;
  std::size_t done_ = 0;  ///< octets of the stages before
};

}  // namespace

std::unique_ptr<Initiator> socks5_initiator(Socks5InitiatorSettings settings) {
  return std::make_unique<Socks5Initiator>(std::move(settings));
}

}  // namespace anabranch::signalling
