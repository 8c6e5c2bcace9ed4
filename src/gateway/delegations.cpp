// SPDX-License-Identifier: MIT
#include "gateway/delegations.hpp"

#include <array>
#include <charconv>
#include <cstddef>

namespace anabranch::gateway {
namespace {

// Columns: address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,
// fqdn_fwd,fqdn_rev,hostname,hwaddr,state,...
constexpr std::size_t kAddress = 0;
constexpr std::size_t kDuid = 1;
constexpr std::size_t kLifetime = 2;
constexpr std::size_t kExpire = 3;
constexpr std::size_t kSubnet = 4;
constexpr std::size_t kType = 6;
constexpr std::size_t kLength = 8;
constexpr std::size_t kState = 13;
constexpr std::size_t kColumns = 14;

constexpr std::int64_t kAddressLease = 0;
constexpr std::int64_t kPrefixLease = 2;

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t out = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() ? std::optional(out)
                                                                         : std::nullopt;
}

}  // namespace

std::optional<Lease6> journal_lease6(std::string_view line) {
  std::array<std::string_view, kColumns> columns;
  for (auto& column : columns) {
    const auto comma = line.find(',');
    column = line.substr(0, comma);
    line.remove_prefix(comma == std::string_view::npos ? line.size() : comma + 1);
  }
  const auto address = IpAddress::parse(columns[kAddress]);
  const auto lifetime = number(columns[kLifetime]);
  const auto expire = number(columns[kExpire]);
  const auto subnet = number(columns[kSubnet]);
  const auto type = number(columns[kType]);
  const auto length = number(columns[kLength]);
  const auto state = number(columns[kState]);
  if (!address || address->is_v4() || !lifetime || !expire || !subnet || !length || !state ||
      (type != kAddressLease && type != kPrefixLease) || *subnet < 0 || *length < 0 ||
      *length > 128)
    return std::nullopt;
  Lease6 out;
  out.delegated = type == kPrefixLease;
  out.prefix = IpPrefix(*address, out.delegated ? static_cast<unsigned>(*length) : 128u);
  out.duid = columns[kDuid];
  out.subnet = static_cast<unsigned>(*subnet);
  out.expires = seconds(*expire);
  out.ended = *state != 0 || *lifetime == 0;
  return out;
}

bool Delegations::note(const Lease6& lease, seconds now) {
  const Client client{lease.duid, lease.subnet};
  const bool ended = lease.ended || lease.expires <= now;
  if (lease.delegated) {
    if (ended) return prefixes_.erase(lease.prefix) > 0;
    const auto [place, fresh] = prefixes_.try_emplace(lease.prefix, client);
    return fresh || std::exchange(place->second, client) != client;
  }
  const IpAddress address = lease.prefix.address();
  const auto known = addresses_.find(client);
  if (ended) {
    if (known == addresses_.end() || known->second != address) return false;
    addresses_.erase(known);
    return true;
  }
  if (known != addresses_.end() && known->second == address) return false;
  addresses_[client] = address;
  return true;
}

std::vector<Delegation> Delegations::routes() const {
  std::vector<Delegation> out;
  for (const auto& [prefix, client] : prefixes_)
    if (const auto address = addresses_.find(client); address != addresses_.end())
      out.push_back({prefix, address->second});
  return out;
}

void Delegations::clear() {
  addresses_.clear();
  prefixes_.clear();
}

}  // namespace anabranch::gateway
