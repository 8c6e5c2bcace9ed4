// SPDX-License-Identifier: MIT
#include "proxy/mapping_log.hpp"

#include <cerrno>
#include <ctime>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/log.hpp"

namespace anabranch::proxy {
namespace {

constexpr std::size_t kMostWaiting = std::size_t{16} << 20;

Result<UniqueFd> open_file(const std::filesystem::path& path) {
  UniqueFd out(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
  if (!out) return fail_errno("cannot write the log of mappings", path.string());
  return out;
}

std::string now_text() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  ::gmtime_r(&now.tv_sec, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     now.tv_nsec / 1'000'000);
}

}  // namespace

Result<std::unique_ptr<MappingLog>> MappingLog::open(const std::filesystem::path& file) {
  auto opened = open_file(file);
  if (!opened) return std::unexpected(opened.error());
  return std::unique_ptr<MappingLog>(new MappingLog(file, *std::move(opened)));
}

void MappingLog::write(std::string_view what, const Mapping& mapping) {
  const auto line = fmt::format("{} {} {} {} {}\n", now_text(), what, mapping.client.text(),
                                mapping.source.text(), mapping.server.text());
  const std::lock_guard lock(mutex_);
  if (lines_.size() + line.size() > kMostWaiting)
    ++lost_;
  else
    lines_ += line;
}

std::uint64_t MappingLog::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

Result<void> MappingLog::flush() {
  std::string lines;
  {
    const std::lock_guard lock(mutex_);
    lines.swap(lines_);
  }
  for (std::size_t done = 0; done < lines.size();) {
    const auto wrote = ::write(file_.get(), lines.data() + done, lines.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      const int error = errno;
      // What is not written yet comes first the next time.
      const std::lock_guard lock(mutex_);
      lines_.insert(0, lines, done);
      return fail_errno(error, "cannot write the log of mappings", path_.string());
    }
    done += static_cast<std::size_t>(wrote);
  }
  return {};
}

void MappingLog::go_on_in(std::unique_ptr<MappingLog> other) {
  // What cannot be written to the old file is for the new one.
  if (const auto written = flush(); !written) log::error("{}", written.error().text());
  path_ = std::move(other->path_);
  file_ = std::move(other->file_);
}

}  // namespace anabranch::proxy
