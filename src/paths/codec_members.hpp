// SPDX-License-Identifier: MIT
// The members of every type that a recording holds, listed once, in a function describe() that
// codec.cpp's Writer and Reader both go through: what is written is what is read. Structured
// bindings name every member, so that one that is added to a type and forgotten here does not
// compile.
#pragma once

#include <array>
#include <concepts>
#include <string_view>
#include <type_traits>

#include "paths/action.hpp"
#include "paths/input.hpp"
#include "paths/settings.hpp"

namespace anabranch::paths::members {

// Names of enumerators, by their numbers.
template <class Enum>
constexpr std::array<std::string_view, 0> kNames{};
template <>
inline constexpr std::array<std::string_view, 10> kNames<kernel::MptcpEvent::Type>{
    "created",          "established",         "closed",         "announced",
    "removed",          "subflow-established", "subflow-closed", "subflow-priority",
    "listener-created", "listener-closed"};
template <>
inline constexpr std::array<std::string_view, 2> kNames<Family>{"ipv4", "ipv6"};
template <>
inline constexpr std::array<std::string_view, 3> kNames<AnnounceMode>{"server", "always", "never"};

template <class Value, class Type>
concept Is = std::same_as<std::remove_const_t<Value>, Type>;

void describe(auto& visit, Is<kernel::MptcpEvent> auto& value) {
  auto& [type, token, local, remote, local_id, remote_id, server_side, deny_join_id0, backup, error,
         ifindex, reset_reason, reset_transient] = value;
  visit("type", type);
  visit("token", token);
  visit("local", local);
  visit("remote", remote);
  visit("local_id", local_id);
  visit("remote_id", remote_id);
  visit("server_side", server_side);
  visit("deny_join_id0", deny_join_id0);
  visit("backup", backup);
  visit("error", error);
  visit("ifindex", ifindex);
  visit("reset_reason", reset_reason);
  visit("reset_transient", reset_transient);
}

void describe(auto& visit, Is<kernel::ConnectionInfo> auto& value) {
  auto& [token, local, remote, state, uid, cgroup, ifindex, fallback, extra_subflows, announced,
         accepted_announced, written, unacknowledged, received_next, octets_sent, octets_received,
         octets_acknowledged, octets_retransmitted] = value;
  visit("token", token);
  visit("local", local);
  visit("remote", remote);
  visit("state", state);
  visit("uid", uid);
  visit("cgroup", cgroup);
  visit("ifindex", ifindex);
  visit("fallback", fallback);
  visit("extra_subflows", extra_subflows);
  visit("announced", announced);
  visit("accepted_announced", accepted_announced);
  visit("written", written);
  visit("unacknowledged", unacknowledged);
  visit("received_next", received_next);
  visit("octets_sent", octets_sent);
  visit("octets_received", octets_received);
  visit("octets_acknowledged", octets_acknowledged);
  visit("octets_retransmitted", octets_retransmitted);
}

void describe(auto& visit, Is<kernel::SubflowDiag> auto& value) {
  auto& [token, local, remote, ifindex, local_id, remote_id, state, initial, backup,
         requested_backup, congestion_state, backoff, congestion_window, segment, unacknowledged,
         unsent, retransmissions, octets_sent, octets_acknowledged, octets_received,
         octets_retransmitted, data_segments_received, rtt, rtt_variance, minimum_rtt, receiver_rtt,
         since_ack, since_data_received, since_data_sent, pacing_rate, delivery_rate, send_buffer,
         receive_buffer] = value;
  visit("token", token);
  visit("local", local);
  visit("remote", remote);
  visit("ifindex", ifindex);
  visit("local_id", local_id);
  visit("remote_id", remote_id);
  visit("state", state);
  visit("initial", initial);
  visit("backup", backup);
  visit("requested_backup", requested_backup);
  visit("congestion_state", congestion_state);
  visit("backoff", backoff);
  visit("congestion_window", congestion_window);
  visit("segment", segment);
  visit("unacknowledged", unacknowledged);
  visit("unsent", unsent);
  visit("retransmissions", retransmissions);
  visit("octets_sent", octets_sent);
  visit("octets_acknowledged", octets_acknowledged);
  visit("octets_received", octets_received);
  visit("octets_retransmitted", octets_retransmitted);
  visit("data_segments_received", data_segments_received);
  visit("rtt", rtt);
  visit("rtt_variance", rtt_variance);
  visit("minimum_rtt", minimum_rtt);
  visit("receiver_rtt", receiver_rtt);
  visit("since_ack", since_ack);
  visit("since_data_received", since_data_received);
  visit("since_data_sent", since_data_sent);
  visit("pacing_rate", pacing_rate);
  visit("delivery_rate", delivery_rate);
  visit("send_buffer", send_buffer);
  visit("receive_buffer", receive_buffer);
}

void describe(auto& visit, Is<Path> auto& value) {
  auto& [address, interface, ifindex, router, usable, reason, destinations, group] = value;
  visit("address", address);
  visit("interface", interface);
  visit("ifindex", ifindex);
  visit("router", router);
  visit("usable", usable);
  visit("reason", reason);
  visit("destinations", destinations);
  visit("group", group);
}

void describe(auto& visit, Is<SubflowKey> auto& value) {
  auto& [local, remote] = value;
  visit("local", local);
  visit("remote", remote);
}

void describe(auto& visit, Is<PeerAddress> auto& value) {
  auto& [id, endpoint, announced] = value;
  visit("id", id);
  visit("endpoint", endpoint);
  visit("announced", announced);
}

void describe(auto& visit, Is<OwnAddress> auto& value) {
  auto& [id, endpoint, announced] = value;
  visit("id", id);
  visit("endpoint", endpoint);
  visit("announced", announced);
}

void describe(auto& visit, Is<input::Paths> auto& value) {
  auto& [paths] = value;
  visit("paths", paths);
}
void describe(auto& visit, Is<input::Event> auto& value) {
  auto& [event] = value;
  describe(visit, event);
}
void describe(auto& visit, Is<input::Owner> auto& value) {
  auto& [token, uid, cgroup] = value;
  visit("token", token);
  visit("uid", uid);
  visit("cgroup", cgroup);
}
void describe(auto& visit, Is<input::Sample> auto& value) {
  auto& [connection, subflows] = value;
  visit("connection", connection);
  visit("subflows", subflows);
}
void describe(auto& visit, Is<input::Adopted> auto& value) {
  auto& [connection, subflows, peer_addresses, own_addresses, server_side, deny_join_id0,
         observed_only] = value;
  visit("connection", connection);
  visit("subflows", subflows);
  visit("peer_addresses", peer_addresses);
  visit("own_addresses", own_addresses);
  visit("server_side", server_side);
  visit("deny_join_id0", deny_join_id0);
  visit("observed_only", observed_only);
}
void describe(auto& visit, Is<input::Gone> auto& value) {
  auto& [token] = value;
  visit("token", token);
}
void describe(auto& visit, Is<input::Probed> auto& value) {
  auto& [id, answered, rtt] = value;
  visit("id", id);
  visit("answered", answered);
  visit("rtt", rtt);
}
void describe(auto& visit, Is<input::Measured> auto& value) {
  auto& [id, answered, rtt, rate] = value;
  visit("id", id);
  visit("answered", answered);
  visit("rtt", rtt);
  visit("rate", rate);
}
void describe(auto& visit, Is<input::Failed> auto& value) {
  auto& [action, error, what, not_ours] = value;
  visit("action", action);
  visit("error", error);
  visit("what", what);
  visit("not_ours", not_ours);
}
void describe(auto& visit, Is<input::Listening> auto& value) {
  auto& [endpoint, listens] = value;
  visit("endpoint", endpoint);
  visit("listens", listens);
}
void describe(auto& visit, Is<input::Counters> auto& value) {
  auto& [announcements_sent, echoes_received] = value;
  visit("announcements_sent", announcements_sent);
  visit("echoes_received", echoes_received);
}
void describe(auto& visit, Is<input::Limits> auto& value) {
  auto& [active, send_buffer] = value;
  visit("active", active);
  visit("send_buffer", send_buffer);
}
void describe(auto&, Is<input::Tick> auto&) {}

void describe(auto& visit, Is<action::CreateSubflow> auto& value) {
  auto& [token, local_id, local, ifindex, remote, backup] = value;
  visit("token", token);
  visit("local_id", local_id);
  visit("local", local);
  visit("ifindex", ifindex);
  visit("remote", remote);
  visit("backup", backup);
}
void describe(auto& visit, Is<action::DestroySubflow> auto& value) {
  auto& [token, key] = value;
  visit("token", token);
  describe(visit, key);
}
void describe(auto& visit, Is<action::ResetSubflow> auto& value) {
  auto& [token, key, ifindex] = value;
  visit("token", token);
  describe(visit, key);
  visit("ifindex", ifindex);
}
void describe(auto& visit, Is<action::AbandonJoin> auto& value) {
  auto& [token, local, remote] = value;
  visit("token", token);
  visit("local", local);
  visit("remote", remote);
}
void describe(auto& visit, Is<action::RemoveAddress> auto& value) {
  auto& [token, id] = value;
  visit("token", token);
  visit("id", id);
}
void describe(auto& visit, Is<action::SetBackup> auto& value) {
  auto& [token, key, backup] = value;
  visit("token", token);
  describe(visit, key);
  visit("backup", backup);
}
void describe(auto& visit, Is<action::Announce> auto& value) {
  auto& [token, id, endpoint, ifindex] = value;
  visit("token", token);
  visit("id", id);
  visit("endpoint", endpoint);
  visit("ifindex", ifindex);
}
template <class Value>
requires Is<Value, action::AskListening> || Is<Value, action::OpenListener> ||
    Is<Value, action::CloseListener>
void describe(auto& visit, Value& value) {
  auto& [endpoint] = value;
  visit("endpoint", endpoint);
}
void describe(auto& visit, Is<action::Probe> auto& value) {
  auto& [id, source, ifindex, remote, patience, look_for_next_hop] = value;
  visit("id", id);
  visit("source", source);
  visit("ifindex", ifindex);
  visit("remote", remote);
  visit("patience", patience);
  visit("look_for_next_hop", look_for_next_hop);
}
void describe(auto& visit, Is<action::Measure> auto& value) {
  auto& [id, source, ifindex, remote] = value;
  visit("id", id);
  visit("source", source);
  visit("ifindex", ifindex);
  visit("remote", remote);
}
void describe(auto& visit, Is<action::PreferPath> auto& value) {
  auto& [family, address] = value;
  visit("family", family);
  visit("address", address);
}
void describe(auto& visit, Is<action::LimitSubflows> auto& value) {
  auto& [fast, slow] = value;
  visit("fast", fast);
  visit("slow", slow);
}
void describe(auto& visit, Is<action::Note> auto& value) {
  auto& [token, code, text] = value;
  visit("token", token);
  visit("code", code);
  visit("text", text);
}

void describe(auto& visit, Is<policy::PortRange> auto& value) {
  auto& [first, last] = value;
  visit("first", first);
  visit("last", last);
}
void describe(auto& visit, Is<PathRule> auto& value) {
  auto& [name, match, deny, backup, subflows] = value;
  auto& [destinations, ports, uids, cgroups, interfaces] = match;
  visit("name", name);
  visit("to", destinations);
  visit("ports", ports);
  visit("uids", uids);
  visit("cgroups", cgroups);
  visit("interfaces", interfaces);
  visit("deny", deny);
  visit("backup", backup);
  visit("subflows", subflows);
}
void describe(auto& visit, Is<Settings> auto& value) {
  auto& [allow, deny, subflows, both_families, announce, prefer_route, limit_with_bpf, cgroup,
         probe_interval, probe_interval_limit, rules, metrics] = value;
  visit("allow", allow);
  visit("deny", deny);
  visit("subflows", subflows);
  visit("both_families", both_families);
  visit("announce", announce);
  visit("prefer_route", prefer_route);
  visit("limit_with_bpf", limit_with_bpf);
  visit("cgroup", cgroup);
  visit("probe_interval", probe_interval);
  visit("probe_interval_limit", probe_interval_limit);
  visit("rules", rules);
}

}  // namespace anabranch::paths::members
