// SPDX-License-Identifier: MIT
#include "host/dhcp6_message.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/registry.hpp"
#include "wire/converter_addresses.hpp"
#include "wire/domain_name.hpp"

namespace anabranch::host {
namespace {

using Octets = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

// RFC 8415 section 24, and the containers.
constexpr std::uint16_t kClientId = 1;
constexpr std::uint16_t kServerId = 2;
constexpr std::uint16_t kIaNa = 3;
constexpr std::uint16_t kIaAddress = 5;
constexpr std::uint16_t kOptionRequest = 6;
constexpr std::uint16_t kPreference = 7;
constexpr std::uint16_t kElapsedTime = 8;
constexpr std::uint16_t kStatusCode = 13;
constexpr std::uint16_t kRapidCommit = 14;
constexpr std::uint16_t kIaPd = 25;
constexpr std::uint16_t kIaPrefix = 26;
constexpr std::uint16_t kPvdId = 65002;

constexpr std::size_t kHeader = 4;         ///< of a message, and of an option
constexpr std::size_t kAssociation = 12;   ///< IAID, T1, T2
constexpr std::size_t kAddressLease = 24;  ///< address, two lifetimes
constexpr std::size_t kPrefixLease = 25;   ///< two lifetimes, length, prefix
constexpr std::size_t kShortestDuid = 3;   ///< RFC 8415 section 11.1: a type and something
constexpr std::size_t kLongestDuid = 130;
constexpr std::size_t kLongestStatusText = 128;
constexpr std::size_t kLongestOption = 0xffff;
constexpr milliseconds kElapsedUnit{10};

// --- Reading

std::uint32_t number(View octets) {
  std::uint32_t out = 0;
  for (const auto octet : octets) out = out << 8 | octet;
  return out;
}
std::uint16_t number16(View octets) {
  return static_cast<std::uint16_t>(number(octets.first(2)));
}
seconds lifetime(View octets) {
  return seconds(number(octets.first(4)));
}

struct Option {
  std::uint16_t code = 0;
  View value;
};

/// What `octets` are made of; nothing when an option ends behind them.
std::optional<std::vector<Option>> options_in(View octets) {
  std::vector<Option> out;
  while (!octets.empty()) {
    if (octets.size() < kHeader) return std::nullopt;
    const std::size_t length = number16(octets.subspan(2));
    if (length > octets.size() - kHeader) return std::nullopt;
    out.push_back({number16(octets), octets.subspan(kHeader, length)});
    octets = octets.subspan(kHeader + length);
  }
  return out;
}

template <typename T>
void take_first(std::optional<T>& into, std::optional<T> value) {
  if (!into) into = std::move(value);
}

std::optional<Dhcp6Status> status_in(View value) {
  if (value.size() < 2) return std::nullopt;
  Dhcp6Status out{number16(value)};
  // It goes into log lines: some of it is enough.
  const auto text = value.subspan(2);
  for (const auto octet : text.first(std::min(text.size(), kLongestStatusText)))
    out.text += octet >= ' ' && octet <= '~' ? static_cast<char>(octet) : '?';
  return out;
}

std::optional<Dhcp6Status> status_among(const std::vector<Option>& options) {
  std::optional<Dhcp6Status> out;
  for (const auto& option : options)
    if (option.code == kStatusCode) take_first(out, status_in(option.value));
  return out;
}

std::optional<Dhcp6Lease> address_in(View value) {
  if (value.size() < kAddressLease) return std::nullopt;
  const auto options = options_in(value.subspan(kAddressLease));
  if (!options) return std::nullopt;
  return Dhcp6Lease{IpPrefix::host(IpAddress::v6(value.first<16>())), lifetime(value.subspan(16)),
                    lifetime(value.subspan(20)), status_among(*options)};
}

std::optional<Dhcp6Lease> prefix_in(View value) {
  if (value.size() < kPrefixLease || value[8] > 128) return std::nullopt;
  const auto options = options_in(value.subspan(kPrefixLease));
  if (!options) return std::nullopt;
  return Dhcp6Lease{IpPrefix(IpAddress::v6(value.subspan<9, 16>()), value[8]), lifetime(value),
                    lifetime(value.subspan(4)), status_among(*options)};
}

void take_association(std::vector<Dhcp6Association>& into, View value, std::uint16_t lease_code) {
  if (value.size() < kAssociation) return;
  const auto options = options_in(value.subspan(kAssociation));
  if (!options) return;
  Dhcp6Association out{number(value.first(4)), lifetime(value.subspan(4)),
                       lifetime(value.subspan(8))};
  out.status = status_among(*options);
  for (const auto& option : *options) {
    if (option.code != lease_code) continue;
    if (auto lease = lease_code == kIaAddress ? address_in(option.value) : prefix_in(option.value))
      out.leases.push_back(*std::move(lease));
  }
  into.push_back(std::move(out));
}

void take_vendor_options(Dhcp6Configuration& into, View value) {
  if (value.size() < 4 || number(value.first(4)) != dhcp6::kEnterprise) return;
  const auto options = options_in(value.subspan(4));
  if (!options) return;
  for (const auto& option : *options) {
    if (option.code == dhcp6::kExtRoute)
      take_first(into.ext_route, wire::decode_ext_route(option.value));
    else if (option.code == registry::kConvertersSubOption)
      wire::add_converters<IpAddress>(into.converters, wire::decode_converters6(option.value));
    else if (option.code == registry::kConverterPortSubOption)
      take_first(into.converter_port, wire::decode_converter_port(option.value));
  }
}

void take_dns(std::vector<IpAddress>& into, View value) {
  if (!into.empty() || value.size() % 16 != 0) return;
  for (; !value.empty(); value = value.subspan(16))
    into.push_back(IpAddress::v6(value.first<16>()));
}

void take_search(std::vector<std::string>& into, View value) {
  if (!into.empty()) return;
  std::vector<std::string> names;
  while (!value.empty()) {
    auto name = wire::take_domain_name(value);
    if (!name) return;
    names.push_back(*std::move(name));
  }
  into = std::move(names);
}

void take(Dhcp6Configuration& into, const Option& option) {
  switch (option.code) {
    case kIaNa:
      return take_association(into.addresses, option.value, kIaAddress);
    case kIaPd:
      return take_association(into.prefixes, option.value, kIaPrefix);
    case dhcp6::kVendorOptions:
      return take_vendor_options(into, option.value);
    case dhcp6::kDnsServers:
      return take_dns(into.dns, option.value);
    case dhcp6::kDomainList:
      return take_search(into.search, option.value);
    case kStatusCode:
      return take_first(into.status, status_in(option.value));
    default:
      return;
  }
}

void take_domain(std::vector<Dhcp6Domain>& into, View value) {
  const auto options = options_in(value);
  if (!options) return;
  std::optional<Dhcp6Domain> out;
  for (const auto& option : *options) {
    if (option.code != kPvdId) continue;
    const auto id = option.value;
    if (out || id.size() < 2 || id[1] == 0 || id.size() != 2u + id[1]) return;
    out = Dhcp6Domain{id[0], {id.begin() + 2, id.end()}};
  }
  if (!out) return;
  for (const auto& other : into)
    if (other.id_type == out->id_type && other.id == out->id) return;
  for (const auto& option : *options) take(out->configuration, option);
  into.push_back(*std::move(out));
}

void take(Dhcp6Message& into, const Option& option) {
  const auto value = option.value;
  switch (option.code) {
    case kClientId:
    case kServerId: {
      auto& duid = option.code == kClientId ? into.client : into.server;
      if (duid.empty() && value.size() >= kShortestDuid && value.size() <= kLongestDuid)
        duid.assign(value.begin(), value.end());
      return;
    }
    case kOptionRequest:
      if (value.size() % 2 != 0 || !into.requested.empty()) return;
      for (std::size_t at = 0; at < value.size(); at += 2)
        into.requested.push_back(number16(value.subspan(at)));
      return;
    case kPreference:
      if (value.size() == 1) take_first(into.preference, std::optional(value[0]));
      return;
    case kElapsedTime:
      if (value.size() == 2)
        take_first(into.elapsed, std::optional<milliseconds>(number16(value) * kElapsedUnit));
      return;
    case kRapidCommit:
      into.rapid_commit = into.rapid_commit || value.empty();
      return;
    case dhcp6::kSolMaxRt:
      if (value.size() == 4) take_first(into.sol_max_rt, std::optional(number(value)));
      return;
    case dhcp6::kPvd:
      return take_domain(into.domains, value);
    default:
      return take(into.outside, option);
  }
}

// --- Writing

/// Octets that grow. A length that is too large for its field makes the whole void.
class Writer {
 public:
  void put(std::uint32_t value, unsigned octets) {
    for (unsigned i = octets; i-- > 0;) out_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
  void put(seconds value) { put(static_cast<std::uint32_t>(value.count()), 4); }
  void put(View octets) { out_.insert(out_.end(), octets.begin(), octets.end()); }
  /// An option whose value `write` adds.
  void option(std::uint16_t code, const std::function<void()>& write) {
    put(code, 2);
    put(0, 2);
    const std::size_t begin = out_.size();
    write();
    const std::size_t length = out_.size() - begin;
    if (length > kLongestOption) sound_ = false;
    out_[begin - 2] = static_cast<std::uint8_t>(length >> 8);
    out_[begin - 1] = static_cast<std::uint8_t>(length);
  }
  void spoil() { sound_ = false; }
  std::optional<Octets> finish() && {
    return sound_ ? std::optional(std::move(out_)) : std::nullopt;
  }

 private:
  Octets out_;
  bool sound_ = true;
};

void write(Writer& to, const std::optional<Dhcp6Status>& status) {
  if (!status) return;
  to.option(kStatusCode, [&] {
    to.put(status->code, 2);
    to.put(View(reinterpret_cast<const std::uint8_t*>(status->text.data()), status->text.size()));
  });
}

void write_address(Writer& to, const Dhcp6Lease& lease) {
  to.option(kIaAddress, [&] {
    to.put(lease.prefix.address().octets());
    to.put(lease.preferred);
    to.put(lease.valid);
    write(to, lease.status);
  });
}

void write_prefix(Writer& to, const Dhcp6Lease& lease) {
  to.option(kIaPrefix, [&] {
    to.put(lease.preferred);
    to.put(lease.valid);
    to.put(lease.prefix.length(), 1);
    to.put(lease.prefix.address().octets());
    write(to, lease.status);
  });
}

void write(Writer& to, std::uint16_t code, const Dhcp6Association& association) {
  to.option(code, [&] {
    to.put(association.iaid, 4);
    to.put(association.t1);
    to.put(association.t2);
    for (const auto& lease : association.leases)
      code == kIaNa ? write_address(to, lease) : write_prefix(to, lease);
    write(to, association.status);
  });
}

void write_vendor_options(Writer& to, const Dhcp6Configuration& configuration) {
  if (!configuration.ext_route && configuration.converters.empty() && !configuration.converter_port)
    return;
  to.option(dhcp6::kVendorOptions, [&] {
    to.put(dhcp6::kEnterprise, 4);
    if (configuration.ext_route)
      to.option(dhcp6::kExtRoute,
                [&] { to.put(wire::encode_ext_route(*configuration.ext_route)); });
    if (!configuration.converters.empty())
      to.option(registry::kConvertersSubOption,
                [&] { to.put(wire::encode_converters6(configuration.converters)); });
    if (configuration.converter_port)
      to.option(registry::kConverterPortSubOption,
                [&] { to.put(wire::encode_converter_port(*configuration.converter_port)); });
  });
}

void write(Writer& to, const Dhcp6Configuration& configuration) {
  for (const auto& association : configuration.addresses) write(to, kIaNa, association);
  for (const auto& association : configuration.prefixes) write(to, kIaPd, association);
  write(to, configuration.status);
  write_vendor_options(to, configuration);
  if (!configuration.dns.empty())
    to.option(dhcp6::kDnsServers, [&] {
      for (const auto& address : configuration.dns) to.put(address.octets());
    });
  if (!configuration.search.empty())
    to.option(dhcp6::kDomainList, [&] {
      for (const auto& name : configuration.search)
        if (const auto labels = wire::encode_domain_name(name))
          to.put(*labels);
        else
          to.spoil();
    });
}

void write(Writer& to, const Dhcp6Domain& domain) {
  if (domain.id.empty() || domain.id.size() > 0xff) return to.spoil();
  to.option(dhcp6::kPvd, [&] {
    to.option(kPvdId, [&] {
      to.put(domain.id_type, 1);
      to.put(static_cast<std::uint32_t>(domain.id.size()), 1);
      to.put(domain.id);
    });
    write(to, domain.configuration);
  });
}

}  // namespace

const Dhcp6Association* Dhcp6Configuration::association(std::uint32_t iaid) const {
  const auto found = std::ranges::find(addresses, iaid, &Dhcp6Association::iaid);
  return found == addresses.end() ? nullptr : &*found;
}

const Dhcp6Configuration* Dhcp6Message::of_path(std::uint8_t index) const {
  const auto leads_there = [&](const Dhcp6Configuration& configuration) {
    return configuration.ext_route && configuration.ext_route->index == index;
  };
  const auto domain = std::ranges::find_if(domains, leads_there, &Dhcp6Domain::configuration);
  if (domain != domains.end()) return &domain->configuration;
  return leads_there(outside) ? &outside : nullptr;
}

std::optional<Octets> encode_dhcp6(const Dhcp6Message& message) {
  Writer to;
  to.put(static_cast<std::uint32_t>(message.type), 1);
  to.put(message.transaction, 3);
  if (!message.client.empty()) to.option(kClientId, [&] { to.put(message.client); });
  if (!message.server.empty()) to.option(kServerId, [&] { to.put(message.server); });
  if (message.preference) to.option(kPreference, [&] { to.put(*message.preference, 1); });
  if (message.elapsed)
    to.option(kElapsedTime, [&] {
      const auto units = std::clamp<std::int64_t>(*message.elapsed / kElapsedUnit, 0, 0xffff);
      to.put(static_cast<std::uint32_t>(units), 2);
    });
  if (!message.requested.empty())
    to.option(kOptionRequest, [&] {
      for (const auto code : message.requested) to.put(code, 2);
    });
  if (message.rapid_commit) to.option(kRapidCommit, [] {});
  if (message.sol_max_rt) to.option(dhcp6::kSolMaxRt, [&] { to.put(*message.sol_max_rt, 4); });
  write(to, message.outside);
  for (const auto& domain : message.domains) write(to, domain);
  return std::move(to).finish();
}

std::optional<Dhcp6Message> decode_dhcp6(View octets) {
  if (octets.size() < kHeader) return std::nullopt;
  const auto type = octets[0];
  if (type < static_cast<std::uint8_t>(Dhcp6Type::kSolicit) ||
      type > static_cast<std::uint8_t>(Dhcp6Type::kInformationRequest))
    return std::nullopt;
  const auto options = options_in(octets.subspan(kHeader));
  if (!options) return std::nullopt;
  Dhcp6Message out;
  out.type = static_cast<Dhcp6Type>(type);
  out.transaction = number(octets.subspan(1, 3));
  for (const auto& option : *options) take(out, option);
  return out;
}

}  // namespace anabranch::host
