// SPDX-License-Identifier: MIT
// Raw Ethernet frames of one interface through AF_PACKET: one frame at a time for a DHCP client,
// whole batches for the link emulator.
//
// Two things of packet(7) shape the interface. The kernel takes an 802.1Q tag out of a frame before
// the socket sees it and tells it beside the frame (PACKET_AUXDATA); receiving puts it back, for
// which the four octets at the start of every receive buffer are kept free. And a socket that is
// bound to an interface hears nothing of others only once it is bound, so it is opened deaf, gets
// its filter, and is bound last.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <linux/filter.h>
#include <linux/if_ether.h>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

namespace anabranch::kernel {

class PacketSocket {
 public:
  static constexpr std::size_t kBatch = 64;
  /// Octets of a receive buffer that are not for the frame: room for a tag that is put back.
  static constexpr std::size_t kHeadroom = 4;

  struct Options {
    std::uint16_t protocol = ETH_P_ALL;        ///< EtherType in host order
    std::span<const sock_filter> filter = {};  ///< classic BPF over the frame; empty: everything
    std::size_t receive_buffer = 0;            ///< octets; zero: the system's default
    std::size_t send_buffer = 0;
    bool arrival_times = false;  ///< fill Received::arrived from the kernel, not from the read
  };

  /// One frame of a batch. The caller sets `buffer`, receiving sets the rest.
  struct Received {
    std::span<std::byte> buffer;
    std::span<std::byte> frame;  ///< inside `buffer`
    MonotonicTime arrived;
    bool truncated = false;  ///< was longer than the buffer
  };
  struct Outcome {
    std::size_t frames = 0;  ///< received or sent
    int error = 0;           ///< errno that ended the batch; EAGAIN: nothing more waits
  };

  /// Opens a non-blocking socket that hears what `interface` receives, not what this host sends.
  /// Buffer sizes beyond net.core.{r,w}mem_max need privilege and are cut to it without. Errors: no
  /// such interface, not permitted (CAP_NET_RAW).
  static Result<PacketSocket> open(const std::string& interface, const Options& options);

  int fd() const { return fd_.get(); }
  const std::string& interface() const { return interface_; }

  /// The next frame that waits, as a part of `buffer`; nothing when none does. A frame longer than
  /// the buffer is cut. ENETDOWN (reported once when the interface goes down) counts as none.
  Result<std::optional<std::span<std::byte>>> receive(std::span<std::byte> buffer);
  /// Sends one whole frame, Ethernet header included.
  Result<void> send(std::span<const std::byte> frame);

  /// Up to kBatch frames with one system call.
  Outcome receive_batch(std::span<Received> frames);
  /// Up to kBatch frames with one system call, in order; stops at the first that is refused.
  Outcome send_batch(std::span<const std::span<const std::byte>> frames);

  /// Frames lost since the last call because the receive buffer was full.
  std::uint64_t take_overflow();

 private:
  struct Batch;
  struct BatchDeleter {
    void operator()(Batch* batch) const;
  };

  PacketSocket(UniqueFd fd, std::string interface);

  UniqueFd fd_;
  std::string interface_;
  bool arrival_times_ = false;
  std::unique_ptr<Batch, BatchDeleter> batch_;
};

}  // namespace anabranch::kernel
