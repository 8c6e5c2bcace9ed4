// SPDX-License-Identifier: MIT
// What only a role itself can find wrong with its file: an address that the machine does not have,
// a port that another program listens on. It is complained of like any other mistake, at the key.
#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <optional>

#include "base/config.hpp"
#include "base/result.hpp"

namespace anabranch::proxy {

struct Obstacle {
  const config::Setting* section;
  const config::Setting* key;
  Error error;
  std::size_t entry = 0;  ///< which one, of a [[section]]
};

/// Tries what settings without mistakes say. Nothing: it can be done.
template <class Settings>
using Trial = std::function<std::optional<Obstacle>(const Settings&)>;

/// The document's mistakes; when there are none and there is a trial, what that finds.
template <class Settings>
Result<Settings> tried(const config::Document& document, Settings settings,
                       const Trial<Settings>& trial) {
  ANABRANCH_TRY(document.finish());
  const auto found = trial ? trial(settings) : std::nullopt;
  if (!found) return settings;
  const auto root = document.root();
  const auto section = found->section->kind == config::Kind::kTables
                           ? root.sections(*found->section).at(found->entry)
                           : root.section(*found->section);
  const auto& [what, where, hint, code] = found->error;
  section.complain(*found->key, where.empty() ? what : where + ": " + what, hint);
  return std::unexpected(document.finish().error());
}

}  // namespace anabranch::proxy
