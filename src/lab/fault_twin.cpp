// SPDX-License-Identifier: MIT
#include "lab/fault_twin.hpp"

#include <fmt/format.h>

#include "kernel/interface_state.hpp"
#include "lab/fault_transfer.hpp"
#include "lab/single_homed.hpp"

namespace anabranch::lab {
namespace {

constexpr milliseconds kAlone{1500};
constexpr milliseconds kTogether{4000};
constexpr milliseconds kAloneAgain{3000};

Result<void> plug(const Network& network, bool in) {
  return network.inside(kTwinHost,
                        [in] { return kernel::set_interface_up(std::string(kHostInterface), in); });
}

}  // namespace

Result<void> meet_twin(ScenarioRun& run) {
  auto& network = run.network;
  const auto comes = [&]() -> Result<void> {
    ANABRANCH_TRY(plug(network, true));
    return network.start_roles(kTwinHost);
  };
  const auto transfer = measure_transfer(
      run, "a host with the same Ethernet address, download",
      fault_transfer(false, kAlone + kTogether + kAloneAgain), kFaultPaths,
      {{"it comes", {kAlone, comes}},
       {"it goes", {kAlone + kTogether, [&network] { return plug(network, false); }}}});
  if (!transfer) return std::unexpected(transfer.error());
  measure_outcome(run, "twin", *transfer, seconds(1));
  const auto& record = transfer->record();
  const std::int64_t came = transfer->outcome.action_times[0];
  const std::int64_t went = transfer->outcome.action_times[1];
  const BitRate before = record.goodput(record.receiver.first_ns, came);
  const BitRate together = record.goodput(came, went);
  const BitRate after = record.goodput(went, record.receiver.last_ns);
  run.measure("twin_goodput_before", before.mbit(), "Mbit/s");
  run.measure("twin_goodput_with", together.mbit(), "Mbit/s");
  run.measure("twin_goodput_after", after.mbit(), "Mbit/s");
  run.progress.finish_step(fmt::format("{}, with it {}, after it {}", mbit_text(before),
                                       mbit_text(together), mbit_text(after)));
  return {};
}

}  // namespace anabranch::lab
