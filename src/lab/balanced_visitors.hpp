// SPDX-License-Identifier: MIT
// The processes in the clients that fetch from the balanced servers, spoken to as one.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "kernel/process.hpp"
#include "lab/balanced_downloads.hpp"
#include "lab/network.hpp"

namespace anabranch::lab {

class Visitors {
 public:
  /// One process in each client; `live` and `total` are divided among them.
  static Result<Visitors> start(const Network& network, const DownloadOptions& options);

  /// The next report of all, summed. An error when one does not come in time.
  Result<DownloadReport> report(nanoseconds patience);
  /// Every connection goes on to two more pieces, or is found broken; then the report.
  Result<DownloadReport> mark(nanoseconds patience);
  /// The last report, after which the processes are gone.
  Result<DownloadReport> end(nanoseconds patience);

 private:
  struct Visitor {
    kernel::Process process;
    UniqueFd words;
    UniqueFd reports;
    std::string read = {};  ///< the beginning of a line
  };
  Result<void> tell(std::string_view word);
  std::vector<Visitor> visitors_;
};

}  // namespace anabranch::lab
