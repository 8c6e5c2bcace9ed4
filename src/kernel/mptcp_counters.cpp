// SPDX-License-Identifier: MIT
#include "kernel/mptcp_counters.hpp"

#include <fstream>
#include <sstream>

namespace anabranch::kernel {

std::map<std::string, std::uint64_t> mptcp_counters() {
  // One line has the names, the next one the values.
  std::map<std::string, std::uint64_t> out;
  std::ifstream file("/proc/thread-self/net/netstat");
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with("MPTcpExt:")) continue;
    std::string figures;
    if (!std::getline(file, figures)) break;
    std::istringstream names(line);
    std::istringstream values(figures);
    std::string name;
    std::string label;
    names >> label;
    values >> label;
    std::uint64_t value = 0;
    while (names >> name && values >> value) out.emplace(name, value);
    break;
  }
  return out;
}

}  // namespace anabranch::kernel
