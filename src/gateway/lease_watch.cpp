// SPDX-License-Identifier: MIT
#include "gateway/lease_watch.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace anabranch::gateway {
namespace {

/// After leases were given: the pools need not be known to the second.
constexpr seconds kAfterLease{10};
constexpr seconds kAfterRefusal{1};
/// Kea frees what has ended every ten seconds.
constexpr seconds kReclaim{20};

/// Kea's answer to lease4-get-by-hw-address; it has times as seconds since 1970.
std::vector<LeaseLimit::Lease> parse_leases(const nlohmann::json& reply) {
  std::vector<LeaseLimit::Lease> out;
  const auto now =
      std::chrono::duration_cast<seconds>(std::chrono::system_clock::now().time_since_epoch());
  const auto arguments = reply.find("arguments");
  if (arguments == reply.end() || !arguments->is_object()) return out;
  for (const auto& lease : arguments->value("leases", nlohmann::json::array())) {
    const auto address = IpAddress::parse(lease.value("ip-address", std::string()));
    const seconds given(lease.value("cltt", std::int64_t{0}));
    const seconds left = given + seconds(lease.value("valid-lft", std::int64_t{0})) - now;
    if (address && lease.value("state", 0) == 0 && left > seconds(0))
      out.push_back({*address, now - given, left});
  }
  return out;
}

}  // namespace

LeaseWatch::LeaseWatch(Loop& loop, Kea& kea, std::function<void()> held_back_changed,
                       std::function<void()> shown_changed)
    : loop_(loop),
      kea_(kea),
      held_back_changed_(std::move(held_back_changed)),
      shown_changed_(std::move(shown_changed)) {}

void LeaseWatch::use(const Settings& settings, bool limited) {
  settings_ = settings;
  limit_.set_most(limited ? settings.dhcp.leases_per_mac : 0);
  std::erase_if(looks_, [&](const auto& look) { return !held_back().contains(look.first); });
}

void LeaseWatch::on_state(Kea::State state) {
  if (state != Kea::State::kRunning) {
    poll_timer_.reset();
    poll_due_ = MonotonicTime::max();
    return;
  }
  follow();
  poll_in(seconds(0));
  for (const auto& mac : std::set(held_back())) look_at(mac);
}

void LeaseWatch::on_line(const KeaLine& line) {
  if (tells_of_no_address(line) && !tells_of_no_path(line)) {
    ++refused_;
    return poll_in(kAfterRefusal);
  }
  if (const auto lease = given_lease(line)) given(*lease);
}

/// Kea's folder is there once it runs.
void LeaseWatch::follow() {
  if (settings_.dhcp.lease_database.type != "memfile") return journal_.reset();
  if (journal_) return;
  auto journal = LeaseJournal::open(loop_, kea_lease_file(Family::kIpv4), LeaseJournal::Begin::kNow,
                                    [this](std::string_view line) {
                                      if (const auto lease = journal_lease(line)) given(*lease);
                                    });
  if (!journal) return log::warning("leases are not counted: {}", journal.error().text());
  journal_ = *std::move(journal);
}

void LeaseWatch::given(const GivenLease& lease) {
  poll_in(kAfterLease);
  if (!limit_.note(lease.mac, lease.address, lease.lifetime, MonotonicClock::now())) return;
  // First it gets nothing more, then what it has is looked at: Kea does one after the other.
  held_back_changed_();
  look_at(lease.mac);
}

void LeaseWatch::refresh() {
  if (MonotonicClock::now() - polled_ > seconds(1)) poll_in(seconds(0));
}

void LeaseWatch::poll_in(seconds delay) {
  const auto now = MonotonicClock::now();
  const auto due = std::max(now + delay, polled_ + kAfterRefusal);
  if (due >= poll_due_) return;
  poll_due_ = due;
  poll_timer_ = loop_.at(due, [this] { poll(); });
}

void LeaseWatch::poll() {
  poll_timer_.reset();
  poll_due_ = MonotonicTime::max();
  if (kea_.state() != Kea::State::kRunning) return;
  polled_ = MonotonicClock::now();
  kea_.ask("statistic-get-all", {}, [this](const nlohmann::json* reply) {
    if (reply != nullptr) take_pools(*reply);
  });
}

void LeaseWatch::take_pools(const nlohmann::json& reply) {
  auto uses = parse_pool_uses(reply);
  std::erase_if(uses, [&](const auto& use) {
    return std::ranges::find(settings_.uplinks, use.first, &Uplink::index) ==
           settings_.uplinks.end();
  });
  for (const auto& event : watch_.update(uses, MonotonicClock::now())) {
    if (event.full)
      log::warning("{} has no address left: all {} of its pool are in use{}; new hosts get none",
                   path_text(event.index), event.use.size,
                   event.use.declined == 0
                       ? std::string()
                       : fmt::format(", {} of them by someone else", event.use.declined));
    else
      log::info("{} has addresses again: {} of {} are in use", path_text(event.index),
                event.use.assigned, event.use.size);
  }
  const bool in_use =
      std::ranges::any_of(uses, [](const auto& use) { return use.second.assigned; });
  if (uses != std::exchange(pools_, uses)) shown_changed_();
  // What ends makes no line in Kea's log.
  if (watch_.any_full())
    poll_in(kAfterLease);
  else if (in_use)
    poll_in(settings_.dhcp.lease_time + kReclaim);
}

std::string LeaseWatch::path_text(unsigned index) const {
  const auto uplink = std::ranges::find(settings_.uplinks, index, &Uplink::index);
  return fmt::format("path {} ({})", index, uplink->name);
}

void LeaseWatch::look_at(MacAddress mac) {
  looks_.erase(mac);
  if (kea_.state() != Kea::State::kRunning) return;
  const auto arguments = fmt::format(R"({{ "hw-address": "{}" }})", mac.text());
  kea_.ask("lease4-get-by-hw-address", arguments, [this, mac](const nlohmann::json* reply) {
    // 3: it has none.
    if (reply != nullptr && (reply->value("result", 1) == 0 || reply->value("result", 1) == 3))
      return judge(mac, *reply);
    log::warning("Kea does not tell the leases of {}: {}", mac.text(),
                 reply == nullptr ? std::string("no answer") : reply->value("text", reply->dump()));
    looks_[mac] = loop_.after(kReclaim, [this, mac] { look_at(mac); });
  });
}

void LeaseWatch::judge(const MacAddress& mac, const nlohmann::json& reply) {
  if (!held_back().contains(mac)) return;
  const auto verdict = limit_.judge(mac, parse_leases(reply), MonotonicClock::now());
  for (const auto& address : verdict.take_back)
    kea_.ask("lease4-del", fmt::format(R"({{ "ip-address": "{}" }})", address.text()),
             [](const nlohmann::json*) {});
  if (!verdict.take_back.empty() && flood_.allow(MonotonicClock::now()))
    log::warning(
        "hardware address {} has {} leases, dhcp.leases_per_mac is {}: {} taken back, and it gets "
        "nothing new while it holds that many",
        mac.text(), verdict.kept + verdict.take_back.size(), settings_.dhcp.leases_per_mac,
        verdict.take_back.size());
  if (!verdict.take_back.empty()) poll_in(seconds(2));
  if (verdict.released) {
    log::info("hardware address {} has {} leases and may have more", mac.text(), verdict.kept);
    return held_back_changed_();
  }
  looks_[mac] = loop_.after(verdict.again, [this, mac] { look_at(mac); });
}

}  // namespace anabranch::gateway
