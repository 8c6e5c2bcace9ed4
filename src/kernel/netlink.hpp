// SPDX-License-Identifier: MIT
// One netlink socket: requests with their acknowledgement, dumps, and the kernel's own words when
// it refuses. Messages are built with libnl's attribute functions; we know attributes that the
// system's headers do not have yet, so families are spoken with plain attributes and not through
// libnl's objects.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/ip.hpp"
#include "base/result.hpp"

struct nl_msg;
struct nlattr;
struct nlmsghdr;

namespace anabranch::kernel {

/// A message under construction.
class Message {
 public:
  Message(int type, int flags);
  Message(Message&&) noexcept;
  ~Message();

  /// Appends a family's fixed header.
  template <class Header>
  Message& header(const Header& value) {
    append(&value, sizeof value);
    return *this;
  }
  Message& put(int attribute, std::span<const std::uint8_t> octets);
  Message& put_u8(int attribute, std::uint8_t value);
  Message& put_u16(int attribute, std::uint16_t value);
  Message& put_u32(int attribute, std::uint32_t value);
  Message& put_text(int attribute, std::string_view text);
  Message& put_address(int attribute, const IpAddress& address);
  /// Everything `fill` puts lies inside the nested attribute.
  Message& nest(int attribute, const std::function<void(Message&)>& fill);

  nlmsghdr* raw();

 private:
  void append(const void* data, std::size_t size);
  nl_msg* message_;
};

/// The attributes of a received message by number; absent ones are null.
class Attributes {
 public:
  /// `header_size` is the size of the family's fixed header.
  Attributes(const nlmsghdr& message, std::size_t header_size);
  explicit Attributes(const nlattr& nested);

  bool has(int attribute) const { return at(attribute) != nullptr; }
  std::span<const std::uint8_t> octets(int attribute) const;
  std::uint8_t u8(int attribute, std::uint8_t fallback = 0) const;
  std::uint16_t u16(int attribute, std::uint16_t fallback = 0) const;
  std::uint32_t u32(int attribute, std::uint32_t fallback = 0) const;
  std::string text(int attribute) const;
  std::optional<IpAddress> address(int attribute) const;
  Attributes nested(int attribute) const;

 private:
  static constexpr int kMax = 128;
  const nlattr* at(int attribute) const;
  void parse(const std::uint8_t* data, std::size_t size);
  std::vector<const nlattr*> table_;
};

class NetlinkSocket {
 public:
  using Visitor = std::function<void(const nlmsghdr&)>;

  /// `protocol` as NETLINK_ROUTE; in the calling thread's network namespace.
  static Result<NetlinkSocket> open(int protocol);

  /// Sends and waits for the acknowledgement. Errors carry errno's text and the kernel's
  /// explanation.
  Result<void> request(Message message, std::string_view what);
  /// Sends and visits every answer until the end of the dump (or the acknowledgement). A dump that
  /// changed under the kernel's hands (NLM_F_DUMP_INTR) is asked for again before anything is
  /// visited; one that keeps changing is taken as it is after some attempts.
  Result<void> query(Message message, std::string_view what, const Visitor& visit);

  /// Sends many messages that have one answer each (so neither dumps nor what is answered by an
  /// acknowledgement only), some dozens in one system call. `messages` holds them one after the
  /// other, aligned; flags and sequence numbers are filled in here. Visits what came for each: its
  /// place among the messages and the answer, or the errno with which it was refused.
  using BatchVisitor = std::function<void(std::size_t place, const nlmsghdr* answer, int refused)>;
  Result<void> batch(std::span<std::uint8_t> messages, std::string_view what,
                     const BatchVisitor& visit);

  Result<void> join(unsigned group);
  int fd() const { return fd_.get(); }
  /// Visits whatever has arrived on a subscribed socket without waiting. False when the kernel
  /// dropped messages because we were too slow: the reader must look at everything again.
  bool drain(const Visitor& visit);

 private:
  explicit NetlinkSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  Result<void> exchange(nlmsghdr& request, std::string_view what, const Visitor& visit);
  Result<void> dump(nlmsghdr& request, std::string_view what, const Visitor& visit);
  Result<void> receive_batch(std::uint32_t first, std::size_t count, std::string_view what,
                             const std::function<void(std::uint32_t, const nlmsghdr&)>& visit);
  UniqueFd fd_;
  std::uint32_t sequence_ = 0;
};

/// Number of a generic netlink family and its multicast groups.
struct GenericFamily {
  std::uint16_t id = 0;
  std::vector<std::pair<std::string, std::uint32_t>> groups;
};
Result<GenericFamily> resolve_family(NetlinkSocket& socket, std::string_view name);

/// The errno behind a failed request, 0 when it was no kernel answer.
int last_netlink_error();

}  // namespace anabranch::kernel
