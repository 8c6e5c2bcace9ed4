// SPDX-License-Identifier: MIT
#include "balancer/control_session.hpp"

#include <array>
#include <utility>

namespace anabranch::balancer {
namespace {

using Kind = ControlFault::Kind;
using Octets = std::span<const std::uint8_t>;

const std::uint8_t kHello = wire::control_type(wire::ControlHello{});
const std::uint8_t kWelcome = wire::control_type(wire::ControlWelcome{});
const std::uint8_t kRefusal = wire::control_type(wire::ControlRefusal{});
const std::uint8_t kPingType = wire::control_type(wire::ControlPing{});

// What each key is for. They name the version: another one has other keys.
constexpr std::string_view kForHello = "anabranch balancer control 1: hello";
constexpr std::string_view kForAnswer = "anabranch balancer control 1: answer to a hello";
constexpr std::string_view kForBalancer = "anabranch balancer control 1: to the balancer";
constexpr std::string_view kForServer = "anabranch balancer control 1: to the server";

/// Octets of the output that are gone are moved out of it when they are more than that.
constexpr std::size_t kGone = 1 << 20;

ControlFault fault(Kind kind, std::string what) {
  return {kind, std::move(what)};
}

ControlFault malformed(std::string_view name) {
  return fault(Kind::kMalformed, "it sent what is no message (" + std::string(name) + ")");
}

ControlFault wrong_key() {
  return fault(Kind::kBadMac, "it has another key, or somebody changes what is sent");
}

/// Type and body.
Octets signed_part(Octets frame) {
  constexpr std::size_t kLength = 4;
  return frame.subspan(kLength, frame.size() - kLength - wire::kControlMac);
}

std::array<std::uint8_t, 8> number_octets(std::uint64_t number) {
  std::array<std::uint8_t, 8> out{};
  for (std::size_t i = 0; i < out.size(); ++i)
    out.at(i) = static_cast<std::uint8_t>(number >> (8 * (out.size() - 1 - i)));
  return out;
}

std::string refusal_text(const wire::ControlRefusal& refusal, std::uint16_t id,
                         std::string_view name) {
  switch (refusal.reason) {
    case wire::ControlRefused::kVersion:
      return "the balancer speaks version " + std::to_string(refusal.version) + " of this channel";
    case wire::ControlRefused::kServer:
      return "the balancer has no server with id " + std::to_string(id);
    case wire::ControlRefused::kName:
      return "the balancer's server with id " + std::to_string(id) + " is not '" +
             std::string(name) + "'";
  }
  return "the balancer refuses this server";
}

/// What one end may say to the other once the channel is open.
bool belongs(const wire::ControlMessage& message, bool to_server) {
  return std::holds_alternative<wire::ControlPing>(message) ||
         (to_server ? std::holds_alternative<wire::ControlHistory>(message)
                    : std::holds_alternative<wire::ControlTokens>(message) ||
                          std::holds_alternative<wire::ControlState>(message) ||
                          std::holds_alternative<wire::ControlTaken>(message));
}

}  // namespace

ControlSession::ControlSession(const ControlKey& key, const wire::ControlNonce& nonce,
                               MonotonicTime now)
    : key_(key),
      nonce_(nonce),
      out_key_(Octets()),
      in_key_(Octets()),
      began_(now),
      heard_(now),
      told_(now),
      moved_(now) {}

ControlSession ControlSession::of_server(const ControlKey& key, std::uint16_t id,
                                         std::string_view name, const wire::ControlNonce& nonce,
                                         MonotonicTime now) {
  ControlSession out(key, nonce, now);
  out.phase_ = Phase::kWelcome;
  out.server_ = id;
  out.name_ = name;
  out.say(wire::ControlHello{.server = id, .nonce = nonce, .name = out.name_},
          key.derive(kForHello), {});
  out.hello_ = out.output_;
  return out;
}

ControlSession ControlSession::of_balancer(const ControlKey& key, Admission admission,
                                           const wire::ControlNonce& nonce, MonotonicTime now) {
  ControlSession out(key, nonce, now);
  out.admission_ = std::move(admission);
  return out;
}

std::size_t ControlSession::longest_frame() const {
  return is_open() ? wire::kControlMostFrame : wire::kControlMostHandshake;
}

ControlSession::Heard ControlSession::hear(Octets octets, MonotonicTime now) {
  std::vector<Message> out;
  input_.insert(input_.end(), octets.begin(), octets.end());
  Octets rest = input_;
  while (true) {
    const auto frame = wire::control_frame(rest, longest_frame());
    auto wrong = frame ? Fault() : malformed(frame.error());
    if (frame && !*frame) break;
    if (frame) wrong = hear_frame(**frame, rest.first((*frame)->size), now, out);
    if (wrong) {
      phase_ = Phase::kOver;
      return std::unexpected(*std::move(wrong));
    }
    heard_ = now;
    rest = rest.subspan((*frame)->size);
  }
  input_.erase(input_.begin(), input_.end() - static_cast<std::ptrdiff_t>(rest.size()));
  return out;
}

ControlSession::Fault ControlSession::hear_frame(const wire::ControlFrame& frame, Octets octets,
                                                 MonotonicTime now, std::vector<Message>& out) {
  if (phase_ == Phase::kHello) return hear_hello(frame, octets);
  if (phase_ == Phase::kWelcome) return hear_welcome(frame, octets, now);
  const auto number = number_octets(in_number_);
  if (!in_key_.is_mac(frame.mac, {number, signed_part(octets)})) return wrong_key();
  ++in_number_;
  auto message = wire::decode_control(frame.type, frame.body);
  if (!message) return malformed(message.error());
  const bool is_ping = std::holds_alternative<wire::ControlPing>(*message);
  if (phase_ == Phase::kProof) {
    if (!is_ping) return malformed("not a ping");
    phase_ = Phase::kOpen;
  } else if (!belongs(*message, is_server())) {
    return malformed("not for this end");
  } else if (!is_ping) {
    out.push_back(*std::move(message));
  }
  return {};
}

ControlSession::Fault ControlSession::hear_hello(const wire::ControlFrame& frame, Octets octets) {
  if (frame.type != kHello || frame.body.empty()) return malformed("no hello");
  if (!key_.derive(kForHello).is_mac(frame.mac, {signed_part(octets)})) return wrong_key();
  const auto refuse = [&](wire::ControlRefused reason, std::string what) {
    say(wire::ControlRefusal{.reason = reason}, key_.derive(kForAnswer), octets);
    return fault(Kind::kRefused, std::move(what));
  };
  if (frame.body.front() != wire::kControlVersion)
    return refuse(wire::ControlRefused::kVersion,
                  "it speaks version " + std::to_string(frame.body.front()));
  auto message = wire::decode_control(frame.type, frame.body);
  if (!message) return malformed(message.error());
  auto& hello = std::get<wire::ControlHello>(*message);
  server_ = hello.server;
  name_ = std::move(hello.name);
  if (const auto reason = admission_(server_, name_))
    return refuse(*reason, "there is no server '" + name_ + "' with id " + std::to_string(server_));
  say(wire::ControlWelcome{.nonce = nonce_}, key_.derive(kForAnswer), octets);
  hello_.assign(octets.begin(), octets.end());
  make_keys(output_);
  phase_ = Phase::kProof;
  return {};
}

ControlSession::Fault ControlSession::hear_welcome(const wire::ControlFrame& frame, Octets octets,
                                                   MonotonicTime now) {
  if (frame.type != kWelcome && frame.type != kRefusal) return malformed("no welcome");
  if (!key_.derive(kForAnswer).is_mac(frame.mac, {hello_, signed_part(octets)})) return wrong_key();
  const auto message = wire::decode_control(frame.type, frame.body);
  if (!message) return malformed(message.error());
  if (const auto* refusal = std::get_if<wire::ControlRefusal>(&*message))
    return fault(Kind::kRefused, refusal_text(*refusal, server_, name_));
  if (std::get<wire::ControlWelcome>(*message).version != wire::kControlVersion)
    return malformed("version");
  make_keys(octets);
  phase_ = Phase::kOpen;
  put(kPingType, {}, now);
  return {};
}

void ControlSession::make_keys(Octets welcome) {
  out_key_ = key_.derive(is_server() ? kForBalancer : kForServer, {hello_, welcome});
  in_key_ = key_.derive(is_server() ? kForServer : kForBalancer, {hello_, welcome});
  hello_ = {};
}

void ControlSession::say(const Message& message, const ControlKey& key, Octets before) {
  const std::array type{wire::control_type(message)};
  for (const auto& body : wire::encode(message))
    wire::append_control_frame(type.front(), body, key.mac({before, type, body}), output_);
}

std::expected<void, ControlFault> ControlSession::tell(const Message& message, MonotonicTime now) {
  return tell(wire::control_type(message), wire::encode(message), now);
}

std::expected<void, ControlFault> ControlSession::tell(std::uint8_t type,
                                                       std::span<const wire::ControlOctets> bodies,
                                                       MonotonicTime now) {
  for (const auto& body : bodies) {
    if (pending().size() + body.size() > kMostWaiting)
      return std::unexpected(fault(Kind::kSlow, "it does not read what it is told"));
    put(type, body, now);
  }
  return {};
}

void ControlSession::put(std::uint8_t type_number, Octets body, MonotonicTime now) {
  const std::array type{type_number};
  const auto number = number_octets(out_number_++);
  if (pending().empty()) moved_ = now;
  wire::append_control_frame(type_number, body, out_key_.mac({number, type, body}), output_);
  told_ = now;
}

Octets ControlSession::pending() const {
  return Octets(output_).subspan(taken_);
}

void ControlSession::took(std::size_t octets, MonotonicTime now) {
  if (octets == 0) return;
  moved_ = now;
  taken_ += octets;
  if (taken_ == output_.size()) {
    output_ = {};
    taken_ = 0;
  } else if (taken_ > kGone) {
    output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
  }
}

std::expected<void, ControlFault> ControlSession::look(MonotonicTime now) {
  const auto silent = [](std::string what) {
    return std::unexpected(fault(Kind::kSilent, std::move(what)));
  };
  if (!is_open()) {
    if (now - began_ < kHandshake) return {};
    return silent("no handshake within " + duration_text(kHandshake));
  }
  if (now - heard_ >= kSilence) return silent("silent for " + duration_text(kSilence));
  if (!pending().empty()) {
    if (now - moved_ < kSilence) return {};
    return std::unexpected(
        fault(Kind::kSlow, "it has read nothing for " + duration_text(kSilence)));
  }
  if (now - told_ >= kPing) put(kPingType, {}, now);
  return {};
}

}  // namespace anabranch::balancer
