// SPDX-License-Identifier: MIT
// Messages of the control channel between a balancer and its servers (docs/balancer-control.md).
// What is in a frame and nothing else: whose key made its MAC is for the session to say
// (balancer/control_session.hpp). Every number is big-endian.
//
//   frame     octets that follow (4), type (1), body, MAC (16)
//
//   hello     1   version (1), id of the server (2), nonce (32), length of its name (1), name
//   welcome   2   version (1), nonce (32)
//   refusal   3   version (1), reason (1)
//   ping      4   nothing
//   tokens    5   flags (1): 1 begins, 2 ends; how many learned (2), how many gone (2), tokens (4
//                 each)
//   state     6   flags (1): 1 serving; connections (4)
//   history   7   flags (1): 1 full, 2 last; family (1): 4 or 6; address (4 or 16), port (2);
//   groups
//   taken     8   how many histories (4)
//
//   group         owner (2), previous owner (2), age in ms (4), first place (4), how many runs (2),
//                 runs: places to skip (1), places that follow (1)
//
// A change of the ring moves single places all over it, which have few pairs of owners and one age:
// grouped by these a place costs two octets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/endpoint.hpp"

namespace anabranch::wire {

inline constexpr std::uint8_t kControlVersion = 1;
inline constexpr std::size_t kControlMac = 16;  ///< octets
/// A whole frame, its length among it.
inline constexpr std::size_t kControlMostFrame = 65'536;
inline constexpr std::size_t kControlMostBody = kControlMostFrame - 5 - kControlMac;
/// Of frames from one who has not proved yet that it has the key.
inline constexpr std::size_t kControlMostHandshake = 512;
/// Tokens in one frame.
inline constexpr std::size_t kControlMostTokens = (kControlMostBody - 5) / 4;
/// Places of a service's ring.
inline constexpr std::uint32_t kControlPlaces = 65'537;

using ControlOctets = std::vector<std::uint8_t>;
using ControlNonce = std::array<std::uint8_t, 32>;

/// The first frame from a server.
struct ControlHello {
  std::uint8_t version = kControlVersion;
  std::uint16_t server = 0;  ///< its id
  ControlNonce nonce{};
  std::string name;  ///< 1 to 255 octets, no control characters

  bool operator==(const ControlHello&) const = default;
};

/// The balancer's answer.
struct ControlWelcome {
  std::uint8_t version = kControlVersion;
  ControlNonce nonce{};

  bool operator==(const ControlWelcome&) const = default;
};

enum class ControlRefused : std::uint8_t {
  kVersion = 1,  ///< the balancer speaks `version` alone
  kServer = 2,   ///< it has no server with that id
  kName = 3,     ///< its server with that id has another name
};
/// The other answer; the connection ends.
struct ControlRefusal {
  std::uint8_t version = kControlVersion;
  ControlRefused reason{};  ///< may be one that has no name here

  bool operator==(const ControlRefusal&) const = default;
};

/// Says that one is there, in both directions; needs no answer.
struct ControlPing {
  bool operator==(const ControlPing&) const = default;
};

/// Tokens of connections that live on the server. From a message that `begins` to one that `ends`
/// (the same, perhaps) it tells all it has: those known before and not told again are gone. A token
/// in both lists is gone.
struct ControlTokens {
  bool begins = false;
  bool ends = false;
  std::vector<std::uint32_t> learned = {};
  std::vector<std::uint32_t> gone = {};

  bool operator==(const ControlTokens&) const = default;
};

struct ControlState {
  std::uint32_t connections = 0;  ///< of MPTCP to its services
  bool serving = true;            ///< false: it wants no new ones

  bool operator==(const ControlState&) const = default;
};

/// `count` places from `place` on whose owner changed together. Owner 0: nobody. Previous owner 0:
/// there is none that may have their connections.
struct OwnerRun {
  std::uint32_t place = 0;
  std::uint32_t count = 0;
  std::uint16_t owner = 0;
  std::uint16_t previous = 0;
  std::uint32_t age = 0;  ///< milliseconds since the change, when it was sent

  bool operator==(const OwnerRun&) const = default;
};

/// Places of a service's ring that have changed their owner.
struct ControlHistory {
  Endpoint service;
  /// Places that are not named in this message have had no other owner for as long as connections
  /// are looked for elsewhere. Otherwise what was said of them before holds on.
  bool full = false;
  /// False: the message goes on in the next frame, which has the same service and `full`.
  bool last = true;
  /// No place twice. As read: by owner, previous owner, age and place.
  std::vector<OwnerRun> runs = {};

  bool operator==(const ControlHistory&) const = default;
};

/// A server's answer to histories: so many whole ones of this connection are in force by now.
struct ControlTaken {
  std::uint32_t histories = 0;

  bool operator==(const ControlTaken&) const = default;
};

using ControlMessage = std::variant<ControlHello, ControlWelcome, ControlRefusal, ControlPing,
                                    ControlTokens, ControlState, ControlHistory, ControlTaken>;

/// The number on the wire is one more than the place among the alternatives.
constexpr std::uint8_t control_type(const ControlMessage& message) {
  return static_cast<std::uint8_t>(message.index() + 1);
}

/// Bodies of the frames that say it, in order: one, of tokens and history as many as it takes.
/// None for what cannot be said: a name that is none, a place beyond the ring.
std::vector<ControlOctets> encode(const ControlMessage& message);

/// The message of a body; the error is a name for logs and tests.
///
///   "type"     there is no such type
///   "length"   shorter or longer than its fields
///   "flags"    one that is not assigned
///   "name"     empty or with control characters
///   "family"   neither 4 nor 6, or an IPv6 address that is an IPv4-mapped one; port 0
///   "group"    without runs, or not behind the one before it in the order of owner, previous
///              owner and age
///   "run"      of no places, but for one that skips 255 and is not the last of its group
///   "place"    beyond the ring
std::expected<ControlMessage, std::string_view> decode_control(std::uint8_t type,
                                                               std::span<const std::uint8_t> body);

/// The parts of a frame that is there.
struct ControlFrame {
  std::size_t size = 0;  ///< octets of all of it
  std::uint8_t type = 0;
  std::span<const std::uint8_t> body;
  std::span<const std::uint8_t> mac;
};
/// The frame in front of `octets`; nothing as long as its end is missing. Error "frame" when it is
/// too short to be one or longer than `most`, as soon as its length is there.
std::expected<std::optional<ControlFrame>, std::string_view> control_frame(
    std::span<const std::uint8_t> octets, std::size_t most);

/// Adds a frame to `out`.
void append_control_frame(std::uint8_t type, std::span<const std::uint8_t> body,
                          std::span<const std::uint8_t, kControlMac> mac, ControlOctets& out);

}  // namespace anabranch::wire
