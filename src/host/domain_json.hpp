// SPDX-License-Identifier: MIT
// A provisioning domain in a file: its times by the wall clock, as a lease's (lease_json.hpp).
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "host/lease_json.hpp"
#include "host/pvd_table.hpp"
#include "host/slaac.hpp"

namespace anabranch::host {

nlohmann::json domain_to_json(const Domain& domain, const Clocks& clocks);
/// Throws what the JSON library and std::expected throw when `value` is no domain: a disk may have
/// mangled it.
Domain domain_from_json(const nlohmann::json& value, const Clocks& clocks);

/// How often the identifier of a place had to change, so that it does not begin anew.
struct AddressMemory {
  Slaac::Place place;
  unsigned counter = 0;
  unsigned conflicts = 0;
  bool operator==(const AddressMemory&) const = default;
};
nlohmann::json address_to_json(const AddressMemory& address);
AddressMemory address_from_json(const nlohmann::json& value);

}  // namespace anabranch::host
