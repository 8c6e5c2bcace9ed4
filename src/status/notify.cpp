// SPDX-License-Identifier: MIT
#include "status/notify.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include <systemd/sd-daemon.h>

namespace anabranch::status {

ServiceManager::ServiceManager(Loop& loop)
    : loop_(loop), listens_(std::getenv("NOTIFY_SOCKET") != nullptr) {
  std::uint64_t interval = 0;
  if (!listens_ || ::sd_watchdog_enabled(0, &interval) <= 0) return;
  watchdog_ = std::chrono::microseconds(interval) / 2;
  feed_watchdog();
}

void ServiceManager::send(const std::string& message) const {
  // One that does not listen any more is no reason to stop working.
  if (listens_) static_cast<void>(::sd_notify(0, message.c_str()));
}

void ServiceManager::feed_watchdog() {
  send("WATCHDOG=1");
  watchdog_timer_ = loop_.after(watchdog_, [this] { feed_watchdog(); });
}

void ServiceManager::ready() {
  if (std::exchange(ready_, true)) return;
  patience_timer_.reset();
  send("READY=1");
}

void ServiceManager::ready_at_last(nanoseconds patience) {
  if (listens_ && !ready_) patience_timer_ = loop_.after(patience, [this] { ready(); });
}

void ServiceManager::say(std::string_view sentence) {
  if (!listens_ || said_ == sentence) return;
  said_ = sentence;
  send("STATUS=" + said_);
}

ServiceManager::Reload::Reload(ServiceManager& manager) : manager_(manager) {
  // Since systemd 253 a reload needs the time at which it began, to tell it from an earlier one.
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
      MonotonicClock::now().time_since_epoch());
  manager_.send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.count()));
}

ServiceManager::Reload::~Reload() {
  if (manager_.ready_) manager_.send("READY=1");
}

void ServiceManager::stopping() {
  send("STOPPING=1");
}

}  // namespace anabranch::status
