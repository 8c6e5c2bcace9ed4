// SPDX-License-Identifier: MIT
// Follows the file in which Kea keeps its leases: a line for each that is given, renewed or ended.
// Kea writes it anyway, so that nothing else has to be said for each lease: lines in its log cost
// it a fifth of its speed.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/fd.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "gateway/kea_log.hpp"

namespace anabranch::gateway {

/// A line of Kea's memfile ("address,hwaddr,client_id,valid_lifetime,expire,subnet_id,...,state,
/// ..."); nothing for the heading, for what has ended or was declined, and for clients that are not
/// on Ethernet.
std::optional<GivenLease> journal_lease(std::string_view line);

class LeaseJournal {
 public:
  enum class Begin {
    kNow,    ///< what is in the file already is left out
    kWhole,  ///< with it, and with what Kea has set aside to clean it up; all told before open()
             ///< ends
  };
  /// Tells each line. The file may come later, and may be replaced, as Kea does when it cleans up.
  /// Errors: its folder cannot be watched.
  static Result<std::unique_ptr<LeaseJournal>> open(Loop& loop, const std::filesystem::path& file,
                                                    Begin begin,
                                                    std::function<void(std::string_view)> said);

 private:
  LeaseJournal(Loop& loop, std::filesystem::path file, std::function<void(std::string_view)> said)
      : loop_(loop), file_(std::move(file)), said_(std::move(said)) {}
  void watch();
  void read_aside();
  void read_new();

  Loop& loop_;
  std::filesystem::path file_;
  std::function<void(std::string_view)> said_;
  UniqueFd inotify_;
  ino_t inode_ = 0;
  off_t offset_ = 0;
  std::string rest_;  ///< of a line that is not complete yet
  Loop::Handle watch_;
  Loop::Handle later_;
};

}  // namespace anabranch::gateway
