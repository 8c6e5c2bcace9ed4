// SPDX-License-Identifier: MIT
// Brings the kernel to what the plan says, and back to what it was.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "host/attachment.hpp"
#include "host/plan.hpp"
#include "host/repairs.hpp"
#include "host/state_file.hpp"
#include "kernel/mptcp_pm.hpp"
#include "kernel/rtnetlink.hpp"

namespace anabranch::host {

/// Settings of the physical interface that keep several interfaces on one wire apart: each answers
/// ARP for its own address only. The old values are kept for cleanup. With addresses shared on the
/// one interface there is nothing to keep apart: the old values come back. Returns the names of
/// those that had to be changed.
Result<std::vector<std::string>> prepare_parent(const std::string& interface,
                                                Attachment attachment);
/// Whether the settings are as prepare_parent() leaves them.
bool parent_is_prepared(const std::string& interface, Attachment attachment);

/// Tables and priorities repeat every tenth interface number: an error when another interface's
/// paths have those of `parent`.
Result<void> check_tables_free(kernel::Rtnetlink& netlink, const kernel::LinkInfo& parent);

/// The macvlan of a path, made if need be, up. An interface of that name which is not ours is an
/// error.
Result<kernel::LinkInfo> ensure_macvlan(kernel::Rtnetlink& netlink, const kernel::LinkInfo& parent,
                                        std::span<const std::uint8_t> duid, unsigned index);

/// Makes an interface of ours an IPv6 host that does not configure itself: no addresses and routes
/// by Router Advertisements. Nothing to do where that is so already.
Result<void> enable_ipv6(const std::string& macvlan);

/// After a failed ensure_macvlan(): whether it will always fail on this interface.
bool macvlan_is_impossible();

/// Endpoints that go are removed first, so that peers hear of it over a path that still works;
/// those that come are added last, when their addresses and routes are there. `save` is called when
/// `state` has changed and must be on disk before we go on. `manager` may be null.
Result<Applied> apply_plan(kernel::Rtnetlink& netlink, kernel::MptcpPathManager* manager,
                           const Plan& plan, HostState& state, const std::function<void()>& save);

/// Endpoints that there is room for, beside those that are not ours.
unsigned endpoint_room(kernel::MptcpPathManager& manager, const HostState& state);

/// Whether the endpoints and limits are there that the plan wants. The kernel does not say when
/// they change, so one has to look.
bool mptcp_is_in_place(kernel::MptcpPathManager& manager, const Plan& plan);

/// Undoes everything this role made for `interface`: MPTCP endpoints and limits, rules, routes,
/// addresses, macvlans, settings. What is gone already is no error.
Result<void> clean_up(const std::string& interface);
/// Interfaces with something to clean up, by state files, our macvlans and our addresses.
Result<std::vector<std::string>> interfaces_with_remains();

}  // namespace anabranch::host
