// SPDX-License-Identifier: MIT
#include "kernel/netlink.hpp"

#include <cerrno>
#include <cstring>
#include <new>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

namespace anabranch::kernel {
namespace {

thread_local int last_error = 0;

/// Largest answer datagram the kernel builds for a dump.
constexpr std::size_t kReceiveBuffer = 65536;
/// How often a dump that was interrupted by a change is asked for.
constexpr int kDumpAttempts = 8;

std::string explanation(const nlmsghdr& header, const nlmsgerr& error) {
  if ((header.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  std::size_t skip = sizeof(nlmsgerr);
  if ((header.nlmsg_flags & NLM_F_CAPPED) == 0) skip += error.msg.nlmsg_len - sizeof(nlmsghdr);
  return Attributes(header, skip).text(NLMSGERR_ATTR_MSG);
}

Result<void> answer_error(const nlmsghdr& header, std::string_view what) {
  const auto& error = *static_cast<const nlmsgerr*>(NLMSG_DATA(&header));
  last_error = -error.error;
  if (error.error == 0) return {};
  auto out = fail_errno(-error.error, what);
  if (const auto text = explanation(header, error); !text.empty())
    out.error().what += " (" + text + ")";
  return out;
}

/// A dump that fails on its way says so in the message that ends it.
Result<void> dump_result(const nlmsghdr& header, std::string_view what) {
  int result = 0;
  if (header.nlmsg_len < NLMSG_LENGTH(sizeof result)) return {};
  std::memcpy(&result, NLMSG_DATA(&header), sizeof result);
  if (result >= 0) return {};
  last_error = -result;
  return fail_errno(-result, what);
}

}  // namespace

int last_netlink_error() {
  return last_error;
}

Message::Message(int type, int flags) : message_(nlmsg_alloc_simple(type, flags)) {
  if (message_ == nullptr) throw std::bad_alloc();
}
Message::Message(Message&& other) noexcept : message_(std::exchange(other.message_, nullptr)) {}
Message::~Message() {
  if (message_ != nullptr) nlmsg_free(message_);
}

void Message::append(const void* data, std::size_t size) {
  if (nlmsg_append(message_, const_cast<void*>(data), size, NLMSG_ALIGNTO) != 0)
    throw std::bad_alloc();
}

Message& Message::put(int attribute, std::span<const std::uint8_t> octets) {
  if (nla_put(message_, attribute, static_cast<int>(octets.size()), octets.data()) != 0)
    throw std::bad_alloc();
  return *this;
}
Message& Message::put_u8(int attribute, std::uint8_t value) {
  return put(attribute, {&value, 1});
}
Message& Message::put_u16(int attribute, std::uint16_t value) {
  return put(attribute, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
}
Message& Message::put_u32(int attribute, std::uint32_t value) {
  return put(attribute, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
}
Message& Message::put_text(int attribute, std::string_view text) {
  const std::string terminated(text);
  return put(attribute,
             {reinterpret_cast<const std::uint8_t*>(terminated.c_str()), terminated.size() + 1});
}
Message& Message::put_address(int attribute, const IpAddress& address) {
  return put(attribute, address.octets());
}
Message& Message::nest(int attribute, const std::function<void(Message&)>& fill) {
  nlattr* start = nla_nest_start(message_, attribute | NLA_F_NESTED);
  if (start == nullptr) throw std::bad_alloc();
  fill(*this);
  nla_nest_end(message_, start);
  return *this;
}

nlmsghdr* Message::raw() {
  return nlmsg_hdr(message_);
}

Attributes::Attributes(const nlmsghdr& message, std::size_t header_size) : table_(kMax) {
  const std::size_t payload = message.nlmsg_len - NLMSG_HDRLEN;
  const std::size_t offset = NLMSG_ALIGN(header_size);
  if (payload > offset)
    parse(static_cast<const std::uint8_t*>(NLMSG_DATA(&message)) + offset, payload - offset);
}

Attributes::Attributes(const nlattr& nested) : table_(kMax) {
  parse(reinterpret_cast<const std::uint8_t*>(&nested) + NLA_HDRLEN, nested.nla_len - NLA_HDRLEN);
}

void Attributes::parse(const std::uint8_t* data, std::size_t size) {
  while (size >= NLA_HDRLEN) {
    const auto* attribute = reinterpret_cast<const nlattr*>(data);
    if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > size) return;
    const int type = attribute->nla_type & NLA_TYPE_MASK;
    if (type < kMax) table_[static_cast<std::size_t>(type)] = attribute;
    const std::size_t step = std::min<std::size_t>(NLA_ALIGN(attribute->nla_len), size);
    data += step;
    size -= step;
  }
}

const nlattr* Attributes::at(int attribute) const {
  return table_[static_cast<std::size_t>(attribute)];
}

std::span<const std::uint8_t> Attributes::octets(int attribute) const {
  const nlattr* found = at(attribute);
  if (found == nullptr) return {};
  return {reinterpret_cast<const std::uint8_t*>(found) + NLA_HDRLEN,
          static_cast<std::size_t>(found->nla_len - NLA_HDRLEN)};
}

namespace {
template <class T>
T value_of(std::span<const std::uint8_t> octets, T fallback) {
  if (octets.size() < sizeof(T)) return fallback;
  T out;
  std::memcpy(&out, octets.data(), sizeof out);
  return out;
}
}  // namespace

std::uint8_t Attributes::u8(int attribute, std::uint8_t fallback) const {
  return value_of(octets(attribute), fallback);
}
std::uint16_t Attributes::u16(int attribute, std::uint16_t fallback) const {
  return value_of(octets(attribute), fallback);
}
std::uint32_t Attributes::u32(int attribute, std::uint32_t fallback) const {
  return value_of(octets(attribute), fallback);
}
std::string Attributes::text(int attribute) const {
  const auto found = octets(attribute);
  const std::string_view all(reinterpret_cast<const char*>(found.data()), found.size());
  return std::string(all.substr(0, all.find('\0')));
}
std::optional<IpAddress> Attributes::address(int attribute) const {
  return IpAddress::from_octets(octets(attribute));
}
Attributes Attributes::nested(int attribute) const {
  static const nlattr kEmpty{NLA_HDRLEN, 0};
  const nlattr* found = at(attribute);
  return Attributes(found == nullptr ? kEmpty : *found);
}

Result<NetlinkSocket> NetlinkSocket::open(int protocol) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!fd) return fail_errno("cannot open a netlink socket");
  const int on = 1;
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  const int size = 1 << 20;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("cannot bind a netlink socket");
  return NetlinkSocket(std::move(fd));
}

Result<void> NetlinkSocket::request(Message message, std::string_view what) {
  return query(std::move(message), what, [](const nlmsghdr&) {});
}

Result<void> NetlinkSocket::query(Message message, std::string_view what, const Visitor& visit) {
  nlmsghdr& header = *message.raw();
  header.nlmsg_flags |= NLM_F_REQUEST;
  if ((header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP) return dump(header, what, visit);
  header.nlmsg_flags |= NLM_F_ACK;
  return exchange(header, what, visit);
}

/// The answers are kept until the end shows whether they belong together.
Result<void> NetlinkSocket::dump(nlmsghdr& request, std::string_view what, const Visitor& visit) {
  std::vector<std::uint8_t> answers;
  for (int attempt = 1;; ++attempt) {
    bool interrupted = false;
    answers.clear();
    auto done = exchange(request, what, [&](const nlmsghdr& answer) {
      if ((answer.nlmsg_flags & NLM_F_DUMP_INTR) != 0) interrupted = true;
      if (answer.nlmsg_type == NLMSG_DONE) return;
      const auto* octets = reinterpret_cast<const std::uint8_t*>(&answer);
      answers.insert(answers.end(), octets, octets + answer.nlmsg_len);
      answers.resize(NLMSG_ALIGN(answers.size()));
    });
    if (!done) return done;
    if (!interrupted || attempt == kDumpAttempts) break;
  }
  auto left = static_cast<unsigned>(answers.size());
  for (auto* answer = reinterpret_cast<nlmsghdr*>(answers.data()); NLMSG_OK(answer, left);
       answer = NLMSG_NEXT(answer, left))
    visit(*answer);
  return {};
}

/// One request and its answers; the message that ends a dump is visited, too.
Result<void> NetlinkSocket::exchange(nlmsghdr& request, std::string_view what,
                                     const Visitor& visit) {
  request.nlmsg_seq = ++sequence_;
  last_error = 0;
  if (::send(fd_.get(), &request, request.nlmsg_len, 0) < 0) {
    last_error = errno;
    return fail_errno(what);
  }
  // Not on the stack and not zeroed each time: a pass makes some dozens of small queries.
  static thread_local std::vector<std::uint8_t> buffer(kReceiveBuffer);
  for (;;) {
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      last_error = errno;
      return fail_errno(what);
    }
    auto left = static_cast<unsigned>(got);
    for (auto* answer = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(answer, left);
         answer = NLMSG_NEXT(answer, left)) {
      if (answer->nlmsg_seq != sequence_) continue;
      if (answer->nlmsg_type == NLMSG_ERROR) return answer_error(*answer, what);
      visit(*answer);
      if (answer->nlmsg_type == NLMSG_DONE) return dump_result(*answer, what);
    }
  }
}

Result<void> NetlinkSocket::join(unsigned group) {
  if (::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
    return fail_errno("cannot subscribe to netlink events");
  return {};
}

bool NetlinkSocket::drain(const Visitor& visit) {
  bool complete = true;
  std::vector<std::uint8_t> buffer(kReceiveBuffer);
  for (;;) {
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno == ENOBUFS) {
        complete = false;
        continue;
      }
      return complete;
    }
    auto left = static_cast<unsigned>(got);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left))
      visit(*message);
  }
}

Result<GenericFamily> resolve_family(NetlinkSocket& socket, std::string_view name) {
  Message message(GENL_ID_CTRL, 0);
  message.header(genlmsghdr{CTRL_CMD_GETFAMILY, 1, 0}).put_text(CTRL_ATTR_FAMILY_NAME, name);
  GenericFamily out;
  const auto done = socket.query(
      std::move(message), "cannot find the netlink family " + std::string(name),
      [&](const nlmsghdr& answer) {
        const Attributes attributes(answer, sizeof(genlmsghdr));
        out.id = attributes.u16(CTRL_ATTR_FAMILY_ID);
        const auto groups = attributes.octets(CTRL_ATTR_MCAST_GROUPS);
        std::span<const std::uint8_t> rest = groups;
        while (rest.size() >= NLA_HDRLEN) {
          const auto* entry = reinterpret_cast<const nlattr*>(rest.data());
          if (entry->nla_len < NLA_HDRLEN || entry->nla_len > rest.size()) break;
          const Attributes group(*entry);
          out.groups.emplace_back(group.text(CTRL_ATTR_MCAST_GRP_NAME),
                                  group.u32(CTRL_ATTR_MCAST_GRP_ID));
          rest = rest.subspan(std::min<std::size_t>(NLA_ALIGN(entry->nla_len), rest.size()));
        }
      });
  if (!done) return std::unexpected(done.error());
  return out;
}

}  // namespace anabranch::kernel
