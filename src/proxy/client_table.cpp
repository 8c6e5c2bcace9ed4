// SPDX-License-Identifier: MIT
#include "proxy/client_table.hpp"

#include <utility>

namespace anabranch::proxy {
namespace {

constexpr std::chrono::seconds kSecond{1};

/// One IPv4 address, or the 64 bits of a link: a host has all the others of it for the asking.
IpPrefix key_of(const IpAddress& client) {
  const auto bare = client.unmapped();
  return bare.is_v4() ? IpPrefix::host(bare) : IpPrefix(bare, 64).without_host_bits();
}

/// Also with a low limit: some are on their way when it is reached.
constexpr std::uint64_t kLeastReserve = 8;

bool is_far_beyond(std::uint64_t count, std::uint64_t limit) {
  return count > limit && count - limit > limit / 8 + kLeastReserve;
}

}  // namespace

ClientTable::Admitted ClientTable::admit(const IpAddress& client) {
  const auto key = key_of(client);
  const std::lock_guard lock(mutex_);
  auto& entry = entries_[key];
  ++connections_;
  ++entry.connections;
  if (memory_ != nullptr) memory_->begin_connection();
  Admitted out{.ticket = Ticket(*this, key)};
  if (connections_ > limits_.total) {
    out.admission = Admission::kTotalReached;
    out.far_beyond = is_far_beyond(connections_, limits_.total);
  } else if (entry.connections > limits_.per_client) {
    out.admission = Admission::kClientReached;
    out.far_beyond = is_far_beyond(entry.connections, limits_.per_client);
  } else if (memory_ != nullptr && memory_->reached()) {
    out.admission = Admission::kMemoryReached;
    // Connections that are there make most of it.
    out.far_beyond = memory_->used() / 2 > memory_->limit();
    memory_->note_refusal(Time::clock::now());
  }
  return out;
}

bool ClientTable::may_tell_error(const IpAddress& client, Time now) {
  const std::lock_guard lock(mutex_);
  sweep(now);
  auto& entry = entries_[key_of(client)];
  if (now - entry.second >= kSecond) {
    entry.second = now;
    entry.errors = 0;
  }
  return ++entry.errors <= limits_.errors_per_second;
}

void ClientTable::set(const ClientLimits& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
}

std::uint64_t ClientTable::connections() const {
  const std::lock_guard lock(mutex_);
  return connections_;
}

std::uint64_t ClientTable::clients() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

void ClientTable::leave(const IpPrefix& client) {
  const std::lock_guard lock(mutex_);
  --connections_;
  if (memory_ != nullptr) memory_->end_connection();
  const auto found = entries_.find(client);
  if (found == entries_.end()) return;
  auto& entry = found->second;
  // Who was told errors is remembered until their second is over (sweep).
  if (--entry.connections == 0 && entry.errors == 0) entries_.erase(found);
}

void ClientTable::sweep(Time now) {
  if (now - swept_ < kSecond) return;
  swept_ = now;
  std::erase_if(entries_, [&](const auto& item) {
    const Entry& entry = item.second;
    return entry.connections == 0 && now - entry.second >= kSecond;
  });
}

std::string_view limit_name(ClientTable::Admission admission) {
  using enum ClientTable::Admission;
  switch (admission) {
    case kYes:
      return "none";
    case kTotalReached:
      return "total";
    case kClientReached:
      return "per-client";
    case kMemoryReached:
      return "memory";
  }
  std::unreachable();
}

}  // namespace anabranch::proxy
