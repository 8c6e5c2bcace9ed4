// SPDX-License-Identifier: MIT
#include "kernel/packet_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

namespace anabranch::kernel {
namespace {

constexpr std::size_t kAddresses = 12;  ///< octets before the tag: destination and source

constexpr std::size_t kControlSize =
    CMSG_SPACE(sizeof(tpacket_auxdata)) + CMSG_SPACE(sizeof(timespec));

nanoseconds as_duration(const timespec& time) {
  return seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

/// What to add to a time of CLOCK_REALTIME, in which the kernel stamps frames, for MonotonicTime.
nanoseconds realtime_to_monotonic() {
  timespec real{};
  ::clock_gettime(CLOCK_REALTIME, &real);
  return MonotonicClock::now().time_since_epoch() - as_duration(real);
}

/// The room of `buffer` that the kernel may write to.
iovec body_of(std::span<std::byte> buffer) {
  const auto body = buffer.subspan(std::min(PacketSocket::kHeadroom, buffer.size()));
  return {body.data(), body.size()};
}

struct Ancillary {
  std::optional<tpacket_auxdata> auxdata;
  std::optional<timespec> stamp;
};

Ancillary read_ancillary(msghdr& message) {
  Ancillary found;
  for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == SOL_PACKET && header->cmsg_type == PACKET_AUXDATA)
      std::memcpy(&found.auxdata.emplace(), CMSG_DATA(header), sizeof(tpacket_auxdata));
    else if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_TIMESTAMPNS)
      std::memcpy(&found.stamp.emplace(), CMSG_DATA(header), sizeof(timespec));
  }
  return found;
}

/// The frame as it was on the wire: with its tag back in place if the kernel took one out.
std::span<std::byte> restore_tag(std::span<std::byte> buffer, std::size_t length,
                                 const std::optional<tpacket_auxdata>& auxdata) {
  const auto frame = buffer.subspan(PacketSocket::kHeadroom, length);
  if (!auxdata || (auxdata->tp_status & TP_STATUS_VLAN_VALID) == 0 || length < kAddresses)
    return frame;
  const std::uint16_t tag[2] = {
      htons((auxdata->tp_status & TP_STATUS_VLAN_TPID_VALID) ? auxdata->tp_vlan_tpid : ETH_P_8021Q),
      htons(auxdata->tp_vlan_tci)};
  std::memmove(buffer.data(), frame.data(), kAddresses);
  std::memcpy(buffer.data() + kAddresses, tag, sizeof tag);
  return buffer.first(length + sizeof tag);
}

/// Beyond the system's limit where this user may, up to it otherwise.
void set_buffer(int fd, int force, int plain, std::size_t octets) {
  if (octets == 0) return;
  const int value = static_cast<int>(octets);
  if (::setsockopt(fd, SOL_SOCKET, force, &value, sizeof value) != 0)
    ::setsockopt(fd, SOL_SOCKET, plain, &value, sizeof value);
}

Result<void> set_flag(int fd, int level, int option, std::string_view what) {
  const int on = 1;
  if (::setsockopt(fd, level, option, &on, sizeof on) != 0) return fail_errno(what);
  return {};
}

}  // namespace

/// Message headers for recvmmsg and sendmmsg; too large for the stack of a hot loop to zero each
/// time.
struct PacketSocket::Batch {
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> vectors{};
  alignas(cmsghdr) std::array<std::array<char, kControlSize>, kBatch> control{};
};

void PacketSocket::BatchDeleter::operator()(Batch* batch) const {
  delete batch;
}

PacketSocket::PacketSocket(UniqueFd fd, std::string interface)
    : fd_(std::move(fd)), interface_(std::move(interface)) {}

Result<PacketSocket> PacketSocket::open(const std::string& interface, const Options& options) {
  const unsigned index = ::if_nametoindex(interface.c_str());
  if (index == 0) return fail_errno("no such interface", interface);
  UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("cannot open a packet socket", interface);

  ANABRANCH_TRY(set_flag(fd.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, "PACKET_IGNORE_OUTGOING"));
  ANABRANCH_TRY(set_flag(fd.get(), SOL_PACKET, PACKET_AUXDATA, "PACKET_AUXDATA"));
  if (options.arrival_times)
    ANABRANCH_TRY(set_flag(fd.get(), SOL_SOCKET, SO_TIMESTAMPNS, "SO_TIMESTAMPNS"));
  set_buffer(fd.get(), SO_RCVBUFFORCE, SO_RCVBUF, options.receive_buffer);
  set_buffer(fd.get(), SO_SNDBUFFORCE, SO_SNDBUF, options.send_buffer);
  if (!options.filter.empty()) {
    const sock_fprog program{static_cast<unsigned short>(options.filter.size()),
                             const_cast<sock_filter*>(options.filter.data())};
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
      return fail_errno("cannot attach the packet filter", interface);
  }

  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(options.protocol);
  address.sll_ifindex = static_cast<int>(index);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("cannot bind a packet socket", interface);

  PacketSocket socket(std::move(fd), interface);
  socket.arrival_times_ = options.arrival_times;
  socket.batch_.reset(new Batch);
  return socket;
}

Result<std::optional<std::span<std::byte>>> PacketSocket::receive(std::span<std::byte> buffer) {
  std::array<Received, 1> one{};
  one[0].buffer = buffer;
  const auto outcome = receive_batch(one);
  if (outcome.frames == 1) return one[0].frame;
  if (outcome.error == 0 || outcome.error == EAGAIN || outcome.error == ENETDOWN)
    return std::nullopt;
  return fail_errno(outcome.error, "cannot receive frames", interface_);
}

Result<void> PacketSocket::send(std::span<const std::byte> frame) {
  if (::send(fd_.get(), frame.data(), frame.size(), 0) < 0)
    return fail_errno("cannot send a frame", interface_);
  return {};
}

PacketSocket::Outcome PacketSocket::receive_batch(std::span<Received> frames) {
  const std::size_t wanted = std::min(frames.size(), kBatch);
  for (std::size_t i = 0; i < wanted; ++i) {
    batch_->vectors[i] = body_of(frames[i].buffer);
    auto& header = batch_->messages[i].msg_hdr;
    header = {};
    header.msg_iov = &batch_->vectors[i];
    header.msg_iovlen = 1;
    header.msg_control = batch_->control[i].data();
    header.msg_controllen = kControlSize;
  }
  const int count = ::recvmmsg(fd_.get(), batch_->messages.data(), static_cast<unsigned>(wanted),
                               MSG_DONTWAIT, nullptr);
  if (count < 0) return {0, errno};

  const auto now = MonotonicClock::now();
  const auto offset = arrival_times_ ? realtime_to_monotonic() : nanoseconds{};
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    auto& message = batch_->messages[i];
    const auto ancillary = read_ancillary(message.msg_hdr);
    frames[i].frame = restore_tag(frames[i].buffer, message.msg_len, ancillary.auxdata);
    frames[i].truncated = (message.msg_hdr.msg_flags & MSG_TRUNC) != 0;
    frames[i].arrived = now;
    // A step of the wall clock between stamp and read must not yield a time that is yet to come.
    if (ancillary.stamp)
      frames[i].arrived = std::min(now, MonotonicTime(as_duration(*ancillary.stamp) + offset));
  }
  return {static_cast<std::size_t>(count), 0};
}

PacketSocket::Outcome PacketSocket::send_batch(std::span<const std::span<const std::byte>> frames) {
  const std::size_t wanted = std::min(frames.size(), kBatch);
  for (std::size_t i = 0; i < wanted; ++i) {
    batch_->vectors[i] = {const_cast<std::byte*>(frames[i].data()), frames[i].size()};
    auto& header = batch_->messages[i].msg_hdr;
    header = {};
    header.msg_iov = &batch_->vectors[i];
    header.msg_iovlen = 1;
  }
  const int count =
      ::sendmmsg(fd_.get(), batch_->messages.data(), static_cast<unsigned>(wanted), MSG_DONTWAIT);
  // When some frames went out the kernel keeps the error of the next to itself: the caller's next
  // call gets it.
  if (count < 0) return {0, errno};
  return {static_cast<std::size_t>(count), 0};
}

std::uint64_t PacketSocket::take_overflow() {
  tpacket_stats stats{};
  socklen_t size = sizeof stats;
  if (::getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &size) != 0) return 0;
  return stats.tp_drops;
}

}  // namespace anabranch::kernel
