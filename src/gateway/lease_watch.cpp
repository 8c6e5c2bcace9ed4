// SPDX-License-Identifier: MIT
#include "gateway/lease_watch.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace anabranch::gateway {
namespace {

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

LeaseWatch::LeaseWatch(Loop& loop, Kea& kea, PoolMeter& pools,
                       std::function<void()> held_back_changed)
    : loop_(loop), kea_(kea), pools_(pools), held_back_changed_(std::move(held_back_changed)) {}

void LeaseWatch::use(const Settings& settings, bool limited) {
  settings_ = settings;
  limit_.set_most(limited ? settings.dhcp.leases_per_mac : 0);
  std::erase_if(looks_, [&](const auto& look) { return !held_back().contains(look.first); });
}

void LeaseWatch::on_state(Kea::State state) {
  if (state != Kea::State::kRunning) return;
  follow();
  for (const auto& mac : std::set(held_back())) look_at(mac);
}

void LeaseWatch::on_line(const KeaLine& line) {
  if (tells_of_no_address(line) && !tells_of_no_path(line)) {
    ++refused_;
    return pools_.ask_in(PoolMeter::kAfterRefusal);
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
  pools_.ask_in(PoolMeter::kAfterLease);
  if (!limit_.note(lease.mac, lease.address, lease.lifetime, MonotonicClock::now())) return;
  // First it gets nothing more, then what it has is looked at: Kea does one after the other.
  held_back_changed_();
  look_at(lease.mac);
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
  if (!verdict.take_back.empty()) pools_.ask_in(seconds(2));
  if (verdict.released) {
    log::info("hardware address {} has {} leases and may have more", mac.text(), verdict.kept);
    return held_back_changed_();
  }
  looks_[mac] = loop_.after(verdict.again, [this, mac] { look_at(mac); });
}

}  // namespace anabranch::gateway
