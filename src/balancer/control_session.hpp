// SPDX-License-Identifier: MIT
// One connection of the control channel as a state machine over octets: handshake, MACs, silence.
// No sockets and no clock of its own. Either end is one:
//
//   server                                        balancer
//     hello, MAC by a key of the shared one  ->
//                                            <-   welcome, MAC over both
//     each makes from the shared key and the octets of both frames a key for each direction
//     ping, MAC by the key of its direction  ->   this proves that the hello was no old one
//     ...                                    <->  ...
//
// From then on a MAC is over the number of the frame in its direction, its type and its body, so
// that none can be left out, sent twice, moved or sent back. The octets themselves are not secret.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "balancer/control_key.hpp"
#include "base/units.hpp"
#include "wire/balancer_control.hpp"

namespace anabranch::balancer {

using History = wire::ControlHistory;
using ServerState = wire::ControlState;

/// Why a connection ends.
struct ControlFault {
  enum class Kind {
    kBadMac,     ///< another key, or somebody has changed the octets
    kMalformed,  ///< a frame that is none, or that does not belong there
    kRefused,    ///< the balancer does not want this server
    kSilent,     ///< nothing came for too long, or the handshake took too long
    kSlow,       ///< the peer does not read
    kClosed,     ///< by the peer, or by the network
  };
  Kind kind{};
  std::string what;  ///< a sentence without a full stop
};

class ControlSession {
 public:
  /// The handshake must be over by then.
  static constexpr seconds kHandshake{5};
  /// One who has sent nothing for this long sends a ping.
  static constexpr seconds kPing{3};
  /// A peer from which nothing came for this long is gone, and so is one that took nothing.
  static constexpr seconds kSilence{10};
  /// Octets that may wait for a peer: four times what 1,000,000 tokens take.
  static constexpr std::size_t kMostWaiting = 16'000'000;

  using Message = wire::ControlMessage;
  using Heard = std::expected<std::vector<Message>, ControlFault>;
  /// Whether a server may come, and if not why.
  using Admission =
      std::function<std::optional<wire::ControlRefused>(std::uint16_t id, std::string_view name)>;

  /// The server's end; its hello is pending at once. `nonce` is of control_nonce().
  static ControlSession of_server(const ControlKey& key, std::uint16_t id, std::string_view name,
                                  const wire::ControlNonce& nonce, MonotonicTime now);
  /// The balancer's.
  static ControlSession of_balancer(const ControlKey& key, Admission admission,
                                    const wire::ControlNonce& nonce, MonotonicTime now);

  /// Octets from the peer, cut anywhere. Gives the messages that are complete now (handshake and
  /// pings are its own business), in order. After a fault it is over; what is pending may still be
  /// sent, since a refusal is told.
  Heard hear(std::span<const std::uint8_t> octets, MonotonicTime now);
  /// The peer has proved now that it has the key: messages may be told.
  bool is_open() const { return phase_ == Phase::kOpen; }
  /// Of the peer, at the balancer's end, when it is open.
  std::uint16_t server() const { return server_; }
  const std::string& name() const { return name_; }

  /// Puts the frames of a message in line. Fault kSlow when too much waits.
  std::expected<void, ControlFault> tell(const Message& message, MonotonicTime now);
  /// The same with bodies that wire::encode() has made of a message of this type.
  std::expected<void, ControlFault> tell(std::uint8_t type,
                                         std::span<const wire::ControlOctets> bodies,
                                         MonotonicTime now);

  /// Octets for the peer; those that it took are to be told.
  std::span<const std::uint8_t> pending() const;
  void took(std::size_t octets, MonotonicTime now);

  /// To be called about every second: puts a ping in line when one is due, and finds out who is
  /// gone.
  std::expected<void, ControlFault> look(MonotonicTime now);

 private:
  enum class Phase { kHello, kWelcome, kProof, kOpen, kOver };
  using Fault = std::optional<ControlFault>;

  ControlSession(const ControlKey& key, const wire::ControlNonce& nonce, MonotonicTime now);
  bool is_server() const { return !admission_; }
  std::size_t longest_frame() const;
  Fault hear_frame(const wire::ControlFrame& frame, std::span<const std::uint8_t> octets,
                   MonotonicTime now, std::vector<Message>& out);
  Fault hear_hello(const wire::ControlFrame& frame, std::span<const std::uint8_t> octets);
  Fault hear_welcome(const wire::ControlFrame& frame, std::span<const std::uint8_t> octets,
                     MonotonicTime now);
  Fault hear_message(const wire::ControlFrame& frame, std::vector<Message>& out);
  void make_keys(std::span<const std::uint8_t> welcome);
  void say(const Message& message, const ControlKey& key, std::span<const std::uint8_t> before);
  void put(std::uint8_t type, std::span<const std::uint8_t> body, MonotonicTime now);

  ControlKey key_;
  Admission admission_;
  wire::ControlNonce nonce_;
  Phase phase_ = Phase::kHello;
  std::uint16_t server_ = 0;
  std::string name_;
  wire::ControlOctets hello_;  ///< its whole frame, until the keys are made
  ControlKey out_key_, in_key_;
  std::uint64_t out_number_ = 0, in_number_ = 0;
  wire::ControlOctets input_;   ///< the beginning of a frame
  wire::ControlOctets output_;  ///< what waits, and before it
  std::size_t taken_ = 0;       ///< octets that are gone already
  MonotonicTime began_, heard_, told_, moved_;
};

}  // namespace anabranch::balancer
