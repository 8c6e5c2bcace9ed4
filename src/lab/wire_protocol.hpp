// SPDX-License-Identifier: MIT
// The lines between the lab and its wire process as values; wire.hpp describes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/result.hpp"
#include "lab/wire.hpp"

namespace anabranch::lab {

/// What "set" names of a profile; the rest stays.
struct ProfileChange {
  std::optional<double> rate_bit;
  std::optional<std::int64_t> delay_ns;
  std::optional<std::int64_t> jitter_ns;
  std::optional<double> loss;
  std::optional<std::int64_t> queue_ns;

  LinkProfile applied_to(LinkProfile profile) const;
};

struct WireCommand {
  enum class Kind { kSet, kUp, kDrop, kCut, kCounters };
  std::optional<std::int64_t> id;
  std::string link;
  Kind kind = Kind::kCounters;
  ProfileChange change;  ///< of kSet
};

/// Errors (kBadInput): not JSON, unknown member, a value out of its range.
Result<WireCommand> parse_wire_command(std::string_view line);
/// One line, without its end.
std::string format_wire_command(const WireCommand& command);

/// Bounds: rate zero or from 1 kbit/s to 1 Tbit/s, times from zero to an hour, loss from zero to
/// one.
Result<ProfileChange> profile_change_from(const nlohmann::json& object);
nlohmann::json profile_to_json(const LinkProfile& profile);
/// A change to all of `profile`.
ProfileChange whole_profile(const LinkProfile& profile);

struct WireAnswer {
  std::optional<std::int64_t> id;
  std::optional<std::string> error;
  std::optional<WireControl::Counters> counters;
};

std::string format_wire_answer(const WireAnswer& answer);
Result<WireAnswer> parse_wire_answer(std::string_view line);

}  // namespace anabranch::lab
