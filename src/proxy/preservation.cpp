// SPDX-License-Identifier: MIT
#include "proxy/preservation.hpp"

#include <fmt/format.h>

#include "base/registry.hpp"
#include "kernel/nft.hpp"
#include "proxy/local_delivery.hpp"

namespace anabranch::proxy {
namespace {

constexpr LocalDelivery kDelivery{registry::kConverterMark, registry::kConverterTable,
                                  registry::kConverterRule};

std::string no_table() {
  return fmt::format("add table inet {0}\ndelete table inet {0}\n", registry::kConverterNftTable);
}

}  // namespace

Result<void> Preservation::start() {
  ANABRANCH_TRY(kDelivery.add());
  return kernel::apply_nft(
      no_table() + fmt::format("table inet {} {{\n"
                               "  chain prerouting {{\n"
                               "    type filter hook prerouting priority mangle; policy accept;\n"
                               "    meta l4proto tcp socket transparent 1 meta mark set {} accept\n"
                               "  }}\n"
                               "}}\n",
                               registry::kConverterNftTable, registry::kConverterMark));
}

Result<void> Preservation::stop() {
  const auto table = kernel::apply_nft(no_table());
  const auto delivery = kDelivery.remove();
  return table ? delivery : table;
}

}  // namespace anabranch::proxy
