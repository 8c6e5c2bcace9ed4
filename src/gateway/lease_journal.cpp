// SPDX-License-Identifier: MIT
#include "gateway/lease_journal.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directories.hpp"

namespace anabranch::gateway {
namespace {

/// Between two looks, however fast Kea writes.
constexpr milliseconds kGather{50};
/// Kea's longest line is far shorter.
constexpr std::size_t kLongestLine = 65536;
// Columns.
constexpr std::size_t kAddress = 0;
constexpr std::size_t kHardware = 1;
constexpr std::size_t kLifetime = 3;
constexpr std::size_t kState = 9;

std::string_view column(std::string_view line, std::size_t number) {
  for (; number > 0; --number) {
    const auto comma = line.find(',');
    if (comma == std::string_view::npos) return {};
    line.remove_prefix(comma + 1);
  }
  return line.substr(0, line.find(','));
}

}  // namespace

std::optional<GivenLease> journal_lease(std::string_view line) {
  const auto address = IpAddress::parse(column(line, kAddress));
  const auto mac = MacAddress::parse(column(line, kHardware));
  const auto lifetime = column(line, kLifetime);
  std::int64_t count = 0;
  const auto number = std::from_chars(lifetime.data(), lifetime.data() + lifetime.size(), count);
  if (!address || !mac || number.ec != std::errc() || count <= 0 || column(line, kState) != "0")
    return std::nullopt;
  return GivenLease{*mac, *address, seconds(count)};
}

Result<std::unique_ptr<LeaseJournal>> LeaseJournal::open(
    Loop& loop, const std::filesystem::path& file, Begin begin,
    std::function<void(std::string_view)> said) {
  std::unique_ptr<LeaseJournal> out(new LeaseJournal(loop, file, std::move(said)));
  out->inotify_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!out->inotify_ || ::inotify_add_watch(out->inotify_.get(), file.parent_path().c_str(),
                                            IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
    return fail_errno("cannot follow the leases", file.string());
  struct stat status {};
  if (begin == Begin::kWhole) {
    out->read_aside();
    out->read_new();
  } else if (::stat(file.c_str(), &status) == 0) {
    out->inode_ = status.st_ino;
    out->offset_ = status.st_size;
  }
  out->watch();
  return out;
}

void LeaseJournal::watch() {
  watch_ = loop_.on_readable(inotify_.get(), [this] {
    watch_.reset();
    later_ = loop_.after(kGather, [this] {
      std::array<char, 4096> events;
      while (::read(inotify_.get(), events.data(), events.size()) > 0) {
      }
      read_new();
      watch();
    });
  });
}

/// In the order in which Kea itself reads them.
void LeaseJournal::read_aside() {
  const auto beside = [&](const char* ending) {
    const auto content = read_file(file_.string() + ending);
    if (!content) return false;
    for (std::string_view rest = *content; !rest.empty();) {
      const auto line = rest.substr(0, rest.find('\n'));
      said_(line);
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    }
    return true;
  };
  if (beside(".completed")) return;
  beside(".2");
  beside(".1");
}

void LeaseJournal::read_new() {
  const UniqueFd fd(::open(file_.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) return;
  if (status.st_ino != inode_ || status.st_size < offset_) {
    inode_ = status.st_ino;
    offset_ = 0;
    rest_.clear();
  }
  std::array<char, 65536> buffer;
  for (ssize_t got = 0; (got = ::pread(fd.get(), buffer.data(), buffer.size(), offset_)) > 0;) {
    offset_ += got;
    rest_.append(buffer.data(), static_cast<std::size_t>(got));
    std::size_t begin = 0;
    for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
      said_(std::string_view(rest_).substr(begin, end - begin));
      begin = end + 1;
    }
    rest_.erase(0, begin);
    if (rest_.size() > kLongestLine) rest_.clear();
  }
}

}  // namespace anabranch::gateway
