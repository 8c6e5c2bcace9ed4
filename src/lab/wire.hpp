// SPDX-License-Identifier: MIT
// The process that carries the emulated links ("anabranch lab wire"): it lives in a namespace of
// its own which holds one end of two veth pairs for every link and moves frames between them. The
// lab commands it over a stream socket, one JSON object a line in each direction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "lab/topology.hpp"

namespace anabranch::lab {

struct WireLink {
  std::string name;
  std::string interface_a;  ///< our end of the veth towards side a
  std::string interface_b;
  LinkProfile profile;
  auto operator<=>(const WireLink&) const = default;
};

/// Carries `links` until `control_fd` is closed by the other side. Commands on `control_fd`:
///   {"link":NAME,"set":{"rate_bit":..,"delay_ns":..,"jitter_ns":..,"loss":..,"queue_ns":..}}
///   {"link":NAME,"state":"up"|"drop"|"cut"}     drop: silent; cut: carrier lost at both sides
///   {"link":NAME,"counters":true}
/// Members that "set" leaves out stay as they are. Every command is answered by {"ok":true,...} or
/// {"ok":false,"error":".."} once it is in force, with the command's "id" if it has one.
///
/// The first answer tells that all links carry. After a cut the nodes see their carrier at once,
/// but a neighbour entry they tried in vain meanwhile makes them wait up to a second for the next
/// ARP.
///
/// The interfaces are those of the calling thread's namespace; they are set up, lose their offloads
/// and this host's own IPv6. Errors: an interface that does not exist, packet sockets not
/// permitted.
Result<void> run_wire(const std::vector<WireLink>& links, int control_fd);

struct DirectionCounters {
  std::uint64_t frames = 0;         ///< delivered
  std::uint64_t octets = 0;         ///< delivered
  std::uint64_t dropped_queue = 0;  ///< drop-tail
  std::uint64_t dropped_loss = 0;   ///< random loss
  std::uint64_t dropped_state = 0;  ///< while dropping or cut
  /// Not by the link but by its emulation: read too late, refused by the interface, longer than an
  /// Ethernet frame. A measurement during which it grows is not worth much.
  std::uint64_t dropped_relay = 0;
  auto operator<=>(const DirectionCounters&) const = default;
};

/// The lab's end of the control socket. Calls wait for the answer (at most 5 s).
class WireControl {
 public:
  explicit WireControl(int fd) : fd_(fd) {}
  Result<void> set(const std::string& link, const LinkProfile& profile);
  Result<void> up(const std::string& link);
  Result<void> drop(const std::string& link);
  Result<void> cut(const std::string& link);
  struct Counters {
    DirectionCounters a_to_b;
    DirectionCounters b_to_a;
  };
  Result<Counters> counters(const std::string& link);

 private:
  int fd_;
  unsigned last_id_ = 0;  ///< tells the answer of this command from a late one of an earlier
};

/// `links` as the JSON that "anabranch lab wire" takes as its argument, and back.
std::string format_wire_links(const std::vector<WireLink>& links);
Result<std::vector<WireLink>> parse_wire_links(std::string_view json);

}  // namespace anabranch::lab
