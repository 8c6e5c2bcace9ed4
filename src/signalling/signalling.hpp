// SPDX-License-Identifier: MIT
// How one end of a proxy pair tells the other where a connection is to go: Convert (RFC 8803),
// SOCKS5 and HTTP CONNECT. Each way is a pair of pure conversations over the first octets of a byte
// stream, without I/O and without a clock:
//
//   initiator                                   acceptor
//   opening(request)  ------------------------> hear(octets) -> Asked
//                                               ... the role connects, or does not ...
//   hear(octets) <----------------------------- answer(outcome)
//   Accepted: what follows is the peer's data   what follows is the client's data
//
// Convert needs no more than this one exchange. SOCKS has greetings before: either side may get Say
// from hear(), which it sends and goes on listening.
//
// A conversation lives for the set-up alone; who relays afterwards knows none of this. Whichever
// side opens the connection is the initiator: the CPE for outgoing connections, the converter for
// incoming ones (RFC 8803 section 4.2), with the same messages.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/endpoint.hpp"
#include "wire/tcp_option.hpp"

namespace anabranch::signalling {

using Octets = std::vector<std::uint8_t>;
using Heard = std::span<const std::uint8_t>;

/// A TCP option as it goes into a SYN or came with a SYN+ACK. An empty value asks the converter for
/// one of its own making (RFC 8803 section 6.2.5).
using TcpOption = wire::TcpOption;

/// Where a connection is to go; for incoming ones, where it comes from.
struct Request {
  Endpoint endpoint;
  /// Not empty: the destination is this domain name, which the role looks up; `endpoint` has the
  /// port alone. Never an address in letters, never from Convert. Letters, digits, "-", "_", ".".
  std::string name = {};
  /// What the initiator wants in the SYN to the destination; empty leaves it to the acceptor.
  std::vector<TcpOption> options = {};
  bool operator==(const Request&) const = default;
};

/// What became of the connection to the destination. Each signalling says it in its own words.
enum class Verdict : std::uint8_t {
  kEstablished,
  kNotAuthorized,      ///< this client, or this destination for it, is not served
  kUnsupportedOption,  ///< an option of the request cannot be placed in a SYN here
  kResourceExceeded,   ///< limits: ask again after `wait`
  kNetworkFailure,     ///< no answer from the destination, or no way to it
  kReset,              ///< the destination answered with RST
  kUnreachable,        ///< an ICMP hard error came: `icmp_code`
};

struct Outcome {
  Verdict verdict = Verdict::kEstablished;
  std::vector<TcpOption> options = {};     ///< of the destination's SYN+ACK, if asked for
  std::vector<std::uint8_t> refused = {};  ///< kinds, of kUnsupportedOption
  std::chrono::seconds wait{0};            ///< of kResourceExceeded and kNetworkFailure
  std::uint8_t icmp_code = 0;
  Endpoint bound = {};  ///< own address towards the destination (SOCKS tells it), if known
};

/// The octets so far are the beginning of a message.
struct NeedMore {};

/// `octets` are sent, then hear() is asked again at once with what is there: from the first octet
/// of the stream on as before, nothing is taken off.
struct Say {
  Octets octets;
};

/// The conversation is over before a connection was tried. `reply` (may be empty) is sent, then the
/// connection is closed in order, so that the reply arrives; nothing is read any more.
struct Refusal {
  Octets reply;
  std::string reason;  ///< a name for counters and logs, "malformed", "missing-cookie", ...
  bool reset = false;  ///< no reply is defined: reset the connection
};

/// A request, in the first `consumed` octets; data of the client follows.
struct Asked {
  Request request;
  std::size_t consumed = 0;
};

/// Nothing to be connected: `reply` answers a question about us (Convert: Info), `consumed` octets
/// asked it. The conversation is over; close in order.
struct Answered {
  Octets reply;
  std::size_t consumed = 0;
};

/// The side that is asked. One object a connection.
class Acceptor {
 public:
  virtual ~Acceptor() = default;
  /// `octets`: all that came from the first octet on, each time.
  virtual std::variant<NeedMore, Say, Asked, Answered, Refusal> hear(Heard octets) = 0;
  /// What the client gets before the first octet of the destination. Only after hear() gave Asked.
  virtual Octets answer(const Outcome& outcome) const = 0;
};

/// The destination answered; its data follows after `consumed` octets.
struct Accepted {
  std::size_t consumed = 0;
  std::vector<TcpOption> options = {};
  /// The destination speaks MPTCP: it may be asked without the converter next time (RFC 8803
  /// section 7.5).
  bool destination_mptcp = false;
  /// The kinds a converter can place in its SYNs, if it was asked for them and told.
  std::optional<std::vector<std::uint8_t>> supported = {};
};

/// The peer said no, or what it said cannot be understood: the connection is reset.
struct Failed {
  std::string reason;  ///< a name for counters and logs
  Verdict verdict = Verdict::kNetworkFailure;
  std::uint8_t icmp_code = 0;
  std::chrono::seconds wait{0};  ///< the peer is not asked before that
  bool peer_unusable = false;    ///< not a converter, or something between us strips the payload
  Octets cookie = {};            ///< ask again at once with this cookie (Convert: Error 3)
  bool cookie_refused = false;   ///< forget the cookie and ask again once, without any
  std::vector<std::uint8_t> refused = {};  ///< kinds, of kUnsupportedOption
};

/// The side that asks. One object a connection.
class Initiator {
 public:
  virtual ~Initiator() = default;
  /// The first octets of the stream. Empty: this signalling has no words for the request. Once.
  virtual Octets opening(const Request& request) = 0;
  /// Whether the user's data may follow the opening at once, in the same segment. Otherwise it
  /// waits for Accepted.
  virtual bool data_may_follow() const = 0;
  /// `octets`: all that came from the first octet on, each time.
  virtual std::variant<NeedMore, Say, Accepted, Failed> hear(Heard octets) = 0;
};

/// The most octets a set-up may take before it is refused, whatever the signalling.
inline constexpr std::size_t kMaxSetupOctets = 4096;

}  // namespace anabranch::signalling
