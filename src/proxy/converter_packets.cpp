// SPDX-License-Identifier: MIT
#include "proxy/converter_packets.hpp"

#include <fmt/format.h>

#include "base/registry.hpp"
#include "kernel/nft.hpp"
#include "proxy/local_delivery.hpp"

namespace anabranch::proxy {
namespace {

constexpr LocalDelivery kDelivery{registry::kConverterMark, registry::kConverterTable,
                                  registry::kConverterRule};

}  // namespace

Result<void> ConverterPackets::lead(std::span<const WholeAddress> addresses) {
  ANABRANCH_TRY(kDelivery.add());
  return kernel::apply_nft(fmt::format(
      "add table inet {0}\n"
      "delete table inet {0}\n"
      "table inet {0} {{\n"
      "  chain prerouting {{\n"
      "    type filter hook prerouting priority mangle; policy accept;\n"
      "{1}"
      "    meta l4proto tcp socket transparent 1 meta mark set {2} accept\n"
      "  }}\n"
      "}}\n",
      registry::kConverterNftTable, whole_address_lines(addresses, registry::kConverterMark),
      registry::kConverterMark));
}

Result<void> ConverterPackets::stop() {
  const auto table = kernel::apply_nft(
      fmt::format("add table inet {0}\ndelete table inet {0}\n", registry::kConverterNftTable));
  const auto delivery = kDelivery.remove();
  return table ? delivery : table;
}

}  // namespace anabranch::proxy
