// SPDX-License-Identifier: MIT
#include "lab/process_figures.hpp"

#include <sstream>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "base/directories.hpp"

namespace anabranch::lab {

Result<ProcessFigures> process_figures(pid_t pid) {
  const auto status = read_file(fmt::format("/proc/{}/status", pid));
  const auto stat = read_file(fmt::format("/proc/{}/stat", pid));
  if (!status || !stat) return fail(fmt::format("process {} is gone", pid));
  ProcessFigures out;
  if (const auto at = status->find("VmRSS:"); at != std::string::npos)
    out.resident_kilobytes = std::stod(status->substr(at + 6));
  // utime and stime are the 12th and 13th field after the name, which may hold spaces.
  std::istringstream fields(stat->substr(stat->rfind(')') + 1));
  std::string field;
  double ticks = 0;
  for (int i = 1; fields >> field && i <= 13; ++i)
    if (i >= 12) ticks += std::stod(field);
  out.processor_ms = ticks * 1000 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return out;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> out;
  std::istringstream children(
      read_file(fmt::format("/proc/{}/task/{}/children", pid, pid)).value_or(""));
  for (pid_t child = 0; children >> child;) out.push_back(child);
  return out;
}

}  // namespace anabranch::lab
