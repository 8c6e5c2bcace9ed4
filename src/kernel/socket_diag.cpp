// SPDX-License-Identifier: MIT
#include "kernel/socket_diag.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "kernel/mptcp_numbers.hpp"
#include "kernel/mptcp_structures.hpp"

namespace anabranch::kernel {
namespace {

constexpr std::uint8_t kListen = 10;
constexpr std::uint32_t kConnecting = 1U << 2;
/// Every state but those of listeners, of TIME_WAIT and of handshakes that have no socket yet.
constexpr std::uint32_t kLiveStates = (1U << 1) | (1U << 2) | (1U << 3) | (1U << 4) | (1U << 5) |
                                      (1U << 7) | (1U << 8) | (1U << 9) | (1U << 11);
/// Places in SKMEMINFO.
constexpr std::size_t kReceiveBufferPlace = 1;
constexpr std::size_t kSendBufferPlace = 3;

constexpr std::uint8_t extension(int attribute) {
  return static_cast<std::uint8_t>(1U << (attribute - 1));
}

/// A question as it goes to the kernel.
struct SubflowRequest {
  nlmsghdr header;
  inet_diag_req_v2 body;
};
/// 262 does not fit the 8 bits of the protocol in the body; an attribute says it.
struct ConnectionRequest {
  nlmsghdr header;
  inet_diag_req_v2 body;
  nlattr attribute;
  std::uint32_t protocol;
};
static_assert(sizeof(SubflowRequest) == NLMSG_LENGTH(sizeof(inet_diag_req_v2)));
static_assert(sizeof(SubflowRequest) % NLMSG_ALIGNTO == 0);
static_assert(sizeof(ConnectionRequest) % NLMSG_ALIGNTO == 0);

inet_diag_req_v2 tcp_body(int family) {
  inet_diag_req_v2 out{};
  out.sdiag_family = static_cast<std::uint8_t>(family);
  out.sdiag_protocol = IPPROTO_TCP;
  out.idiag_ext = extension(INET_DIAG_INFO) | extension(INET_DIAG_SKMEMINFO);
  out.idiag_states = kLiveStates;
  out.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  out.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return out;
}

inet_diag_req_v2 mptcp_body(int family) {
  inet_diag_req_v2 out{};
  out.sdiag_family = static_cast<std::uint8_t>(family);
  out.sdiag_protocol = IPPROTO_RAW;
  out.idiag_ext = extension(INET_DIAG_INFO);
  out.idiag_states = kLiveStates;
  return out;
}

void put_address(const IpAddress& address, __be32 (&out)[4]) {
  std::memcpy(out, address.octets().data(), address.octets().size());
}

SubflowRequest lookup(const SocketDiag::Key& key) {
  SubflowRequest out{};
  out.header.nlmsg_len = sizeof out;
  out.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  // An IPv4 question also finds IPv6 sockets with mapped addresses.
  out.body = tcp_body(address_family(key.local.address.family()));
  out.body.id.idiag_sport = htons(key.local.port);
  out.body.id.idiag_dport = htons(key.remote.port);
  put_address(key.local.address, out.body.id.idiag_src);
  put_address(key.remote.address, out.body.id.idiag_dst);
  out.body.id.idiag_if = key.ifindex;
  return out;
}

ConnectionRequest lookup(std::uint32_t token) {
  ConnectionRequest out{};
  out.header.nlmsg_len = sizeof out;
  out.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  out.body = mptcp_body(AF_INET);
  out.body.id.idiag_cookie[0] = token;
  out.attribute = {sizeof(nlattr) + sizeof(std::uint32_t), INET_DIAG_REQ_PROTOCOL};
  out.protocol = kIpprotoMptcp;
  return out;
}

Endpoint endpoint_of(std::uint8_t family, const __be32 (&address)[4], __be16 port) {
  const auto* octets = reinterpret_cast<const std::uint8_t*>(address);
  const auto found = IpAddress::from_octets({octets, family == AF_INET ? 4U : 16U});
  return {found->unmapped(), ntohs(port)};
}

const inet_diag_msg* body_of(const nlmsghdr& message) {
  if (message.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
      message.nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg)))
    return nullptr;
  return static_cast<const inet_diag_msg*>(NLMSG_DATA(&message));
}

nanoseconds measured(std::uint32_t microseconds) {
  if (microseconds == std::numeric_limits<std::uint32_t>::max()) return {};
  return std::chrono::microseconds(microseconds);
}

BitRate rate(std::uint64_t octets_per_second) {
  if (octets_per_second == std::numeric_limits<std::uint64_t>::max()) return {};
  return {static_cast<double>(octets_per_second) * 8};
}

void fill_figures(const TcpInfo& info, SubflowDiag& out) {
  out.congestion_state = info.ca_state;
  out.backoff = info.backoff;
  out.congestion_window = info.snd_cwnd;
  out.segment = info.snd_mss;
  out.unacknowledged = info.unacked;
  out.unsent = info.notsent_bytes;
  out.retransmissions = info.total_retrans;
  out.octets_sent = info.bytes_sent;
  out.octets_acknowledged = info.bytes_acked;
  out.octets_received = info.bytes_received;
  out.data_segments_received = info.data_segs_in;
  out.octets_retransmitted = info.bytes_retrans;
  out.rtt = measured(info.rtt);
  out.rtt_variance = measured(info.rttvar);
  out.minimum_rtt = measured(info.min_rtt);
  out.receiver_rtt = measured(info.rcv_rtt);
  out.since_ack = milliseconds(info.last_ack_recv);
  out.since_data_received = milliseconds(info.last_data_recv);
  out.since_data_sent = milliseconds(info.last_data_sent);
  out.pacing_rate = rate(info.pacing_rate);
  out.delivery_rate = rate(info.delivery_rate);
}

/// What the buffers of a socket are called in SKMEMINFO, 0 when the kernel told nothing.
std::uint32_t memory_figure(std::span<const std::uint8_t> octets, std::size_t place) {
  std::uint32_t out = 0;
  if (octets.size() >= (place + 1) * sizeof out)
    std::memcpy(&out, octets.data() + place * sizeof out, sizeof out);
  return out;
}

std::uint64_t cgroup_of(const Attributes& attributes) {
  std::uint64_t out = 0;
  const auto octets = attributes.octets(INET_DIAG_CGROUP_ID);
  if (octets.size() == sizeof out) std::memcpy(&out, octets.data(), sizeof out);
  return out;
}

}  // namespace

std::optional<SubflowDiag> parse_subflow(const nlmsghdr& message) {
  const inet_diag_msg* body = body_of(message);
  if (body == nullptr || body->idiag_state == kListen) return std::nullopt;
  const Attributes attributes(message, sizeof(inet_diag_msg));
  const Attributes protocol = attributes.nested(INET_DIAG_ULP_INFO);
  if (protocol.text(INET_ULP_INFO_NAME) != "mptcp") return std::nullopt;
  const Attributes mptcp = protocol.nested(INET_ULP_INFO_MPTCP);
  const std::uint32_t flags = mptcp.u32(subflow_diag::kFlags);
  SubflowDiag out;
  out.token = mptcp.u32(subflow_diag::kTokenLocal);
  out.local = endpoint_of(body->idiag_family, body->id.idiag_src, body->id.idiag_sport);
  out.remote = endpoint_of(body->idiag_family, body->id.idiag_dst, body->id.idiag_dport);
  out.ifindex = body->id.idiag_if;
  out.local_id = mptcp.u8(subflow_diag::kIdLocal);
  out.remote_id = mptcp.u8(subflow_diag::kIdRemote);
  out.state = body->idiag_state;
  out.initial = (flags & (subflow_diag::kFlagJoinRemote | subflow_diag::kFlagJoinLocal)) == 0;
  out.backup = (flags & subflow_diag::kFlagBackupRemote) != 0;
  out.requested_backup = (flags & subflow_diag::kFlagBackupLocal) != 0;
  fill_figures(structure_from<TcpInfo>(attributes.octets(INET_DIAG_INFO)), out);
  const auto memory = attributes.octets(INET_DIAG_SKMEMINFO);
  out.send_buffer = memory_figure(memory, kSendBufferPlace);
  out.receive_buffer = memory_figure(memory, kReceiveBufferPlace);
  return out;
}

std::optional<ConnectionInfo> parse_connection(const nlmsghdr& message) {
  const inet_diag_msg* body = body_of(message);
  if (body == nullptr || body->idiag_state == kListen) return std::nullopt;
  const Attributes attributes(message, sizeof(inet_diag_msg));
  const auto info = structure_from<MptcpInfo>(attributes.octets(INET_DIAG_INFO));
  ConnectionInfo out;
  out.token = info.token;
  out.local = endpoint_of(body->idiag_family, body->id.idiag_src, body->id.idiag_sport);
  out.remote = endpoint_of(body->idiag_family, body->id.idiag_dst, body->id.idiag_dport);
  out.state = body->idiag_state;
  if (body->idiag_uid != 0 || body->idiag_inode != 0) out.uid = body->idiag_uid;
  out.cgroup = cgroup_of(attributes);
  out.ifindex = body->id.idiag_if;
  out.fallback = (info.flags & kMptcpInfoFallback) != 0;
  out.extra_subflows = info.extra_subflows;
  out.announced = info.add_addr_signal;
  out.accepted_announced = info.add_addr_accepted;
  out.written = info.write_seq;
  out.unacknowledged = info.snd_una;
  out.received_next = info.rcv_nxt;
  out.octets_sent = info.bytes_sent;
  out.octets_received = info.bytes_received;
  out.octets_acknowledged = info.bytes_acked;
  out.octets_retransmitted = info.bytes_retrans;
  return out;
}

Result<SocketDiag> SocketDiag::open() {
  auto socket = NetlinkSocket::open(NETLINK_SOCK_DIAG);
  if (!socket) return std::unexpected(socket.error());
  return SocketDiag(std::move(*socket));
}

Result<std::vector<ConnectionInfo>> SocketDiag::connections() {
  std::vector<ConnectionInfo> out;
  for (const int family : {AF_INET, AF_INET6}) {
    Message message(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
    message.header(mptcp_body(family)).put_u32(INET_DIAG_REQ_PROTOCOL, kIpprotoMptcp);
    ANABRANCH_TRY(socket_.query(std::move(message), "cannot list the MPTCP connections",
                                [&](const nlmsghdr& answer) {
                                  if (auto found = parse_connection(answer)) out.push_back(*found);
                                }));
  }
  return out;
}

Result<std::vector<SubflowDiag>> SocketDiag::subflows() {
  return subflows_in(kLiveStates);
}

Result<std::vector<SubflowDiag>> SocketDiag::connecting() {
  return subflows_in(kConnecting);
}

Result<std::vector<SubflowDiag>> SocketDiag::subflows_in(std::uint32_t states) {
  std::vector<SubflowDiag> out;
  for (const int family : {AF_INET, AF_INET6}) {
    Message message(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
    auto body = tcp_body(family);
    body.idiag_states = states;
    message.header(body);
    ANABRANCH_TRY(socket_.query(std::move(message), "cannot list the TCP sockets",
                                [&](const nlmsghdr& answer) {
                                  if (auto found = parse_subflow(answer)) out.push_back(*found);
                                }));
  }
  return out;
}

namespace {

/// Asks for each of `keys`; `parse` makes a value of an answer, or nothing.
template <class Value, class Key, class Parse>
Result<std::vector<std::optional<Value>>> look_up(NetlinkSocket& socket, std::span<const Key> keys,
                                                  std::string_view what, Parse parse) {
  std::vector<decltype(lookup(Key{}))> requests;
  requests.reserve(keys.size());
  for (const auto& key : keys) requests.push_back(lookup(key));
  std::vector<std::optional<Value>> out(keys.size());
  int refused = 0;
  ANABRANCH_TRY(socket.batch(
      {reinterpret_cast<std::uint8_t*>(requests.data()), requests.size() * sizeof requests[0]},
      what, [&](std::size_t place, const nlmsghdr* answer, int error) {
        if (answer != nullptr)
          out[place] = parse(*answer);
        else if (error != ENOENT)
          refused = error;
      }));
  if (refused != 0) return fail_errno(refused, what);
  return out;
}

}  // namespace

Result<std::vector<std::optional<ConnectionInfo>>> SocketDiag::connections(
    std::span<const std::uint32_t> tokens) {
  return look_up<ConnectionInfo>(socket_, tokens, "cannot ask for an MPTCP connection",
                                 parse_connection);
}

Result<std::vector<std::optional<SubflowDiag>>> SocketDiag::subflows(std::span<const Key> keys) {
  return look_up<SubflowDiag>(socket_, keys, "cannot ask for a subflow", parse_subflow);
}

Result<std::optional<ConnectionInfo>> SocketDiag::connection(std::uint32_t token) {
  auto found = connections(std::span(&token, 1));
  if (!found) return std::unexpected(found.error());
  return found->front();
}

Result<std::optional<SubflowDiag>> SocketDiag::subflow(const Key& key) {
  auto found = subflows(std::span(&key, 1));
  if (!found) return std::unexpected(found.error());
  return found->front();
}

/// The kernel's lookup answers with the listener when the connection is gone, and would close that:
/// what is destroyed is named by the cookie of the socket that was seen to be a subflow.
Result<void> SocketDiag::destroy(const Key& key) {
  const SubflowRequest question = lookup(key);
  inet_diag_req_v2 request = question.body;
  bool found = false;
  ANABRANCH_TRY(look_up<bool>(
      socket_, std::span(&key, 1), "cannot ask for a subflow", [&](const nlmsghdr& answer) {
        found = parse_subflow(answer).has_value();
        if (found) std::ranges::copy(body_of(answer)->id.idiag_cookie, request.id.idiag_cookie);
        return found;
      }));
  if (!found) return {};
  Message message(SOCK_DESTROY, 0);
  message.header(request);
  auto done =
      socket_.request(std::move(message), "cannot destroy the subflow from " + key.local.text() +
                                              " to " + key.remote.text());
  if (!done && (last_netlink_error() == ENOENT || last_netlink_error() == ESTALE)) return {};
  return done;
}

Result<bool> SocketDiag::listens(const Endpoint& local) {
  return listener(local, false);
}

Result<bool> SocketDiag::takes_joins(const Endpoint& local) {
  return listener(local, true);
}

Result<bool> SocketDiag::listener(const Endpoint& local, bool mptcp) {
  Key key{local, {IpAddress::v4(0), 0}};
  if (!local.address.is_v4()) key.remote.address = IpAddress::v6(std::array<std::uint8_t, 16>{});
  bool out = false;
  ANABRANCH_TRY(look_up<bool>(
      socket_, std::span<const Key>(&key, 1), "cannot ask for a listener",
      [&](const nlmsghdr& answer) {
        const auto* body = body_of(answer);
        const bool found = body != nullptr && body->idiag_state == kListen;
        const Attributes attributes(answer, sizeof(inet_diag_msg));
        return out = found &&
                     (!mptcp ||
                      attributes.nested(INET_DIAG_ULP_INFO).text(INET_ULP_INFO_NAME) == "mptcp");
      }));
  return out;
}

}  // namespace anabranch::kernel
