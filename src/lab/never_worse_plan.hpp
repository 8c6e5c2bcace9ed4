// SPDX-License-Identifier: MIT
// Which measurements a run of "never-worse" consists of, from its scale and from what was chosen.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lab/never_worse.hpp"
#include "lab/scenario.hpp"

namespace anabranch::lab {

/// A pair of paths in one direction, with a client and a server of its own.
struct Lane {
  std::size_t pair = 0;  ///< index in path_pairs()
  bool upload = false;

  std::string name() const;    ///< "A download"
  std::string suffix() const;  ///< "-A-down", of nodes and links
  std::string client() const { return "client" + suffix(); }
  std::string server() const { return "server" + suffix(); }
  auto operator<=>(const Lane&) const = default;
};

struct NeverWorsePlan {
  unsigned rounds = 0;
  bool with_peers_unknown = true;  ///< else peers are measured with known paths only
  /// Our path manager limits what subflows may queue, where it can.
  SubflowLimits limits = SubflowLimits::kOn;
  std::vector<std::vector<Lane>> batches;  ///< lanes of one are measured at the same time
  std::vector<Manager> managers;
  std::vector<Knowledge> knowledge;

  bool takes(Manager manager, Knowledge what) const {
    return with_peers_unknown || what == Knowledge::kKnown || manager == Manager::kAnabranch;
  }
  unsigned steps() const;
};

NeverWorsePlan never_worse_plan(Scale scale, const Choice& choice);
/// Pairs, "download" and "upload", "known" and "unknown", managers, "no-limits".
std::vector<std::string_view> never_worse_words();
/// All that a plan can have.
std::vector<Lane> all_lanes();

}  // namespace anabranch::lab
