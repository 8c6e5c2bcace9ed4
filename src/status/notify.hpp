// SPDX-License-Identifier: MIT
// What a role tells the service manager that started it (sd_notify(3), Type=notify): that it is
// ready, what it is doing, that it lives. Without NOTIFY_SOCKET nothing is said and nothing runs.
#pragma once

#include <string>
#include <string_view>

#include "base/loop.hpp"
#include "base/units.hpp"

namespace anabranch::status {

class ServiceManager {
 public:
  /// With WATCHDOG_USEC set for this process, `loop` sends WATCHDOG=1 at half of that interval: a
  /// callback that never returns stops it, and the service manager starts the role anew.
  explicit ServiceManager(Loop& loop);

  /// READY=1, once.
  void ready();
  /// ready(), unless it was called before, after `patience`: what is still missing then is told by
  /// say(), and ending a role that does its other work would be no help.
  void ready_at_last(nanoseconds patience);
  /// STATUS=, when it differs from the last one.
  void say(std::string_view sentence);

  /// RELOADING=1 now and READY=1 when it goes out of scope.
  class Reload {
   public:
    explicit Reload(ServiceManager& manager);
    ~Reload();
    Reload(const Reload&) = delete;
    Reload& operator=(const Reload&) = delete;

   private:
    ServiceManager& manager_;
  };

  /// STOPPING=1. The watchdog goes on until the loop ends.
  void stopping();

 private:
  void send(const std::string& message) const;
  void feed_watchdog();

  Loop& loop_;
  bool listens_;
  bool ready_ = false;
  std::string said_;
  nanoseconds watchdog_{0};  ///< interval between two signs of life; 0: none is asked for
  Loop::Handle watchdog_timer_;
  Loop::Handle patience_timer_;
};

}  // namespace anabranch::status
