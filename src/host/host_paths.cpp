// SPDX-License-Identifier: MIT
// The paths of the host role: which there are, where they live, what the kernel holds of them.
#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/log.hpp"
#include "host/apply.hpp"
#include "host/host_role.hpp"

namespace anabranch::host {
namespace {

/// Of what the kernel does not report: MPTCP endpoints, their limits, settings.
constexpr milliseconds kLook{700};

}  // namespace

/// Further paths that DHCP tells of.
std::vector<unsigned> Host::wanted() const {
  if (support_ != Support::kYes) return {};
  return wanted_indices(state_.discovered, settings_.max_paths, paths_.progress());
}

std::vector<unsigned> Host::all_wanted() const {
  auto out = wanted();
  for (const unsigned index : ipv6_paths())
    if (std::ranges::find(out, index) == out.end()) out.push_back(index);
  return out;
}

void Host::schedule_sync(nanoseconds delay) {
  sync_at_ = MonotonicClock::now() + delay;
  sync_later_ = loop_.after(delay, [this] { sync(); });
}

void Host::sync() {
  sync_later_.reset();
  const auto now = MonotonicClock::now();
  if (!has_paths() && placed_) remove_all();
  // A macvlan cannot be set up on an interface that is down; what is there already stays.
  if (has_paths() && link_ && link_->admin_up) {
    choose_attachment(now);
    // A path that cannot start must not keep the others from being applied.
    auto done = sync_paths(now);
    if (auto applied = apply(now); done) done = std::move(applied);
    if (done)
      say_when_ready();
    else
      schedule_sync(kRetry);
    complain(done ? "" : done.error().text());
    say_repairs(now);
    say_domains(now);
  }
  save_memory();
  arm_timer();
  publish();
}

/// The network has no further paths (any more).
void Host::remove_all() {
  placed_ = false;
  applied_.reset();
  ready_ = 0;
  ipv6_links_.clear();
  paths6_.stop_all();
  save_later_.reset();
  state_ = {};
  if (auto done = clean_up(interface_); !done) log::error("{}", done.error().text());
}

/// Once for each trouble, not at every attempt.
void Host::complain(const std::string& trouble) {
  if (trouble != trouble_ && !trouble.empty())
    log::error("{}; trying again every {}", trouble, duration_text(kRetry));
  trouble_ = trouble;
}

Result<void> Host::sync_paths(MonotonicTime now) {
  const auto indices = wanted();
  if (paths_.empty() && ipv6_links_.empty() && !all_wanted().empty())
    ANABRANCH_TRY(check_tables_free(*netlink_, *link_));
  // What is not wanted goes with apply(): its macvlan is no path's any more.
  paths_.keep_only(indices);
  if (!indices.empty()) {
    const auto changed = prepare_parent(interface_, attachment_.attachment());
    if (!changed) return std::unexpected(changed.error());
    if (std::exchange(parent_prepared_, true))
      for (const auto& name : *changed) repaired_.push_back("setting " + name);
  }
  Result<void> first;
  for (const unsigned index : indices)
    if (auto done = start_path(index, now); !done && first) first = std::move(done);
  if (auto done = sync_ipv6(now); !done && first) first = std::move(done);
  return first;
}

Result<void> Host::start_path(unsigned index, MonotonicTime now) {
  const auto link = link_for(index);
  if (!link) return std::unexpected(link.error());
  const PathSet::Identity identity{
      link_->mac,
      duid_,
      settings_.ext_route_code,
      random(),
      [this](const IpAddress& address) { return own_addresses_.contains(address); },
      [this](const MacAddress& mac) { return own_macs_.contains(mac); }};
  return paths_.start(identity, index, *link, operational(), now);
}

/// The interface that path `index` is to run on.
Result<kernel::LinkInfo> Host::link_for(unsigned index) {
  if (attachment_.of_path(index) == Attachment::kShared) return *link_;
  auto macvlan = ensure_macvlan(*netlink_, *link_, duid_, index);
  if (macvlan) {
    auto before = paths_.macvlan_of(index);
    if (const auto found = ipv6_links_.find(index); !before && found != ipv6_links_.end())
      before = found->second;
    if (before && *before != macvlan->index && *before != link_->index)
      repaired_.push_back("interface " + macvlan->name);
    return macvlan;
  }
  if (settings_.interfaces == AttachmentChoice::Wish::kAuto && macvlan_is_impossible()) {
    log::info(
        "{}: the kernel makes no virtual interface on it; further paths are addresses of {} "
        "itself",
        interface_, interface_);
    attachment_.refused();
    return *link_;
  }
  return macvlan;
}

/// Whether the paths are on the right interfaces, by how they fare.
void Host::choose_attachment(MonotonicTime now) {
  std::vector<AttachmentChoice::Seen> seen;
  for (const auto& [index, path] : paths_) {
    const auto state = path->client().state();
    const bool asks =
        state == DhcpClient::State::kSelecting || state == DhcpClient::State::kNoOffer;
    seen.push_back(
        {index, path->macvlan().index == link_->index ? Attachment::kShared : Attachment::kVirtual,
         path->client().lease().has_value(), asks && operational()});
  }
  const auto before = attachment_.reason();
  attachment_.look(seen, now);
  if (attachment_.reason() == before) return;
  log::info(
      "{}: the DHCP server answers {}'s own Ethernet address and no other; further paths are "
      "addresses of {} itself from now on",
      interface_, interface_, interface_);
  save_state();
}

void Host::path_changed(Path& path, Change change) {
  lease_counts_.note(path.index(), Family::kIpv4, change);
  const auto& lease = path.client().lease();
  switch (change) {
    case Change::kNone:
      break;
    case Change::kObtained:
    case Change::kChanged:
      log::info("path {}: {} on {}{}{}", path.index(), lease->address.text(), path.macvlan().name,
                lease->router() ? " via " + lease->router()->text() : "",
                lease->duration ? fmt::format(", for {}", duration_text(*lease->duration)) : "");
      break;
    case Change::kRenewed:
      log::debug("path {}: {} renewed", path.index(), lease->address.text());
      refresh_.push_back(lease->address.address());
      break;
    case Change::kLost:
      log::warning("path {}: the lease has ended; the path is taken down", path.index());
      break;
    case Change::kTaken:  // the path has said it
      break;
  }
  if (change != Change::kNone) {
    // An answer just now: its count is news. A count of 0 says nothing.
    if (lease && lease->route.count != 0) state_.discovered.count = lease->route.count;
    // Most likely the interface's own path has other converters, too.
    if (lease && lease->converters != own_converters_ && discovery_)
      discovery_->ask_soon(MonotonicClock::now());
    unanswered_.erase(path.index());
    save_state();
  } else if (path.client().state() == DhcpClient::State::kNoOffer &&
             unanswered_.insert(path.index()).second) {
    log::warning(
        "path {}: no DHCP server offers it on {}; asking again every few minutes{}", path.index(),
        path.macvlan().name,
        settings_.interfaces == AttachmentChoice::Wish::kVirtual
            ? fmt::format(" (where only {}'s own Ethernet address passes, interfaces = \"shared\" "
                          "helps)",
                          interface_)
            : "");
  }
  schedule_sync();
}

Result<void> Host::apply(MonotonicTime now) {
  HostFacts facts;
  facts.ifindex = link_->index;
  facts.address = own_address();
  facts.index = static_cast<std::uint8_t>(own_index());
  facts.paths = static_cast<unsigned>(all_wanted().size() + 1);
  facts.leased = paths_.leased();
  facts.ipv6 = ipv6_facts(now);
  facts.own_ipv6 = own_ipv6();
  if (const auto* domain = domains_.table().of_path(own_index());
      domain != nullptr && now < domain->until)
    facts.own_ipv6_router = domain->router;
  for (const unsigned index : domains_.table().indices())
    if (domains_.table().withdrawn(index)) facts.withdrawn.push_back(index);
  if (manager_) facts.endpoint_room = endpoint_room(*manager_, state_);
  const auto links = netlink_->links();
  if (!links) return std::unexpected(links.error());
  std::vector<unsigned> leftover;
  for (const auto& link : *links) {
    if (!is_our_macvlan(link, link_->index)) continue;
    facts.macvlans.push_back(link.index);
    const bool used =
        paths_.has_macvlan(link.index) ||
        std::ranges::any_of(ipv6_links_, [&](const auto& e) { return e.second == link.index; });
    if (!used) leftover.push_back(link.index);
  }
  Plan desired = plan(facts, now);
  placed_ = true;
  // The reconciler leaves small differences of lifetimes alone; a short lease is all small
  // differences.
  for (const auto& address : desired.network.addresses)
    if (std::ranges::find(refresh_, address.prefix.address()) != refresh_.end())
      ANABRANCH_TRY(netlink_->add(address));
  refresh_.clear();
  const auto made = apply_plan(*netlink_, manager_ ? &*manager_ : nullptr, desired, state_,
                               [this] { save_state(); });
  if (!made) return std::unexpected(made.error());
  if (applied_)
    for (auto& name : repairs(*applied_, *made)) repaired_.push_back(std::move(name));
  applied_ = std::move(desired);
  if (!look_later_) look_later_ = loop_.after(kLook, [this] { look(); });
  for (const unsigned ifindex : leftover) ANABRANCH_TRY(netlink_->delete_link(ifindex));
  paths_.addresses_are_set();
  return {};
}

void Host::say_repairs(MonotonicTime now) {
  const auto names = std::exchange(repaired_, {});
  lease_counts_.repairs += names.size();
  if (names.empty() || !pace_.repaired(now)) return;
  const auto unsaid = pace_.unsaid();
  log::info("{}: {} had been taken away or changed by someone else; put back{}", interface_,
            fmt::join(names, ", "),
            unsaid == 0 ? "" : fmt::format(" (and {} times before, unsaid)", unsaid));
}

/// What the kernel does not report has to be looked at, as long as there are paths.
void Host::look() {
  look_later_.reset();
  if (!applied_ || applied_->network.addresses.empty() || !link_) return;
  const bool whole = (paths_.empty() || parent_is_prepared(interface_, attachment_.attachment())) &&
                     (!manager_ || mptcp_is_in_place(*manager_, *applied_));
  const auto now = MonotonicClock::now();
  if (!whole && !sync_later_)
    schedule_sync(std::max<nanoseconds>(nanoseconds::zero(), pace_.not_before() - now));
  look_later_ = loop_.after(kLook, [this] { look(); });
}

void Host::say_when_ready() {
  // One family of a path is enough.
  std::set<unsigned> ready;
  for (const auto& path : paths_.leased()) ready.insert(path.index);
  for (const auto& path : ipv6_facts(MonotonicClock::now()))
    if (path.usable() != nullptr) ready.insert(path.index);
  const auto wanted = all_wanted();
  const std::size_t up = 1 + ready.size();
  if (std::ranges::any_of(wanted, [&](unsigned index) { return !ready.contains(index); })) {
    ready_ = 0;
  } else if (ready_ != up) {
    ready_ = up;
    log::info("host is ready: {} paths", up);
  }
}

}  // namespace anabranch::host
