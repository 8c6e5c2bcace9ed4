// SPDX-License-Identifier: MIT
// The control channel's frames and messages: refused with a name, or said again in one frame that
// is read as the same.
#include "wire/balancer_control.hpp"

#include "input.hpp"

using namespace anabranch;
using fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::uint8_t> rest{data, size};
  while (true) {
    const auto frame = wire::control_frame(rest, wire::kControlMostFrame);
    if (!frame) require(frame.error() == "frame", "a fault has a name");
    if (!frame || !*frame) return 0;
    const auto& parts = **frame;
    require(parts.size <= rest.size(), "a frame ends where octets end");
    require(parts.size == 5 + parts.body.size() + parts.mac.size(), "its parts are all of it");
    rest = rest.subspan(parts.size);
    const auto message = wire::decode_control(parts.type, parts.body);
    if (!message) {
      require(!message.error().empty(), "a fault has a name");
      continue;
    }
    require(wire::control_type(*message) == parts.type, "a message has the type of its frame");
    if (const auto* history = std::get_if<wire::ControlHistory>(&*message))
      for (const auto& run : history->runs)
        require(run.count > 0 && run.place + run.count <= wire::kControlPlaces,
                "places are on the ring");
    const auto bodies = wire::encode(*message);
    require(bodies.size() == 1, "what was one frame is one frame");
    require(bodies.front().size() <= parts.body.size(), "and not longer");
    require(wire::decode_control(parts.type, bodies.front()) == message,
            "what was read is written back");
  }
}
