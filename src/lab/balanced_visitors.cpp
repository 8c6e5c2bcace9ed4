// SPDX-License-Identifier: MIT
#include "lab/balanced_visitors.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <poll.h>
#include <unistd.h>

#include "lab/balanced.hpp"

namespace anabranch::lab {
namespace {

/// A line of `fd` that begins with what `read` holds.
Result<std::string> line_of(int fd, std::string& read, MonotonicTime deadline) {
  for (auto end = read.find('\n'); end == std::string::npos; end = read.find('\n')) {
    const auto left = std::chrono::ceil<milliseconds>(
        std::max<nanoseconds>(deadline - MonotonicClock::now(), {}));
    pollfd ready{fd, POLLIN, 0};
    const int count = ::poll(&ready, 1, static_cast<int>(left.count()));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail("visitors of the servers did not report in time");
    std::array<char, 4096> chunk;
    const auto got = ::read(fd, chunk.data(), chunk.size());
    if (got <= 0) return fail("visitors of the servers ended without a report");
    read.append(chunk.data(), static_cast<std::size_t>(got));
  }
  const auto end = read.find('\n');
  auto out = read.substr(0, end);
  read.erase(0, end + 1);
  return out;
}

}  // namespace

Result<Visitors> Visitors::start(const Network& network, const DownloadOptions& options) {
  Visitors out;
  for (unsigned number = 1; number <= kBalancedClients; ++number) {
    auto part = options;
    part.live = std::max(1U, options.live / kBalancedClients);
    part.total = options.total / kBalancedClients;
    std::vector<std::string> argv = {"anabranch", "lab", "downloads"};
    for (auto& word : download_arguments(part)) argv.push_back(std::move(word));
    auto spawn = network.in_node(balanced_client(number), std::move(argv));
    if (!spawn) return std::unexpected(spawn.error());
    auto words = kernel::make_pipe();
    if (!words) return std::unexpected(words.error());
    auto reports = kernel::make_pipe();
    if (!reports) return std::unexpected(reports.error());
    spawn->standard_input = words->read.get();
    spawn->standard_output = reports->write.get();
    auto process = kernel::spawn(*spawn);
    if (!process) return std::unexpected(process.error());
    out.visitors_.push_back(
        {*std::move(process), std::move(words->write), std::move(reports->read)});
  }
  return out;
}

Result<DownloadReport> Visitors::report(nanoseconds patience) {
  const auto deadline = MonotonicClock::now() + patience;
  DownloadReport out;
  for (auto& visitor : visitors_) {
    const auto line = line_of(visitor.reports.get(), visitor.read, deadline);
    if (!line) return std::unexpected(line.error());
    const auto report = parse_download_report(*line);
    if (!report) return std::unexpected(report.error());
    out = out + *report;
  }
  return out;
}

Result<DownloadReport> Visitors::mark(nanoseconds patience) {
  ANABRANCH_TRY(tell(kDownloadsMark));
  return report(patience);
}

Result<DownloadReport> Visitors::end(nanoseconds patience) {
  ANABRANCH_TRY(tell(kDownloadsEnd));
  auto out = report(patience);
  visitors_.clear();
  return out;
}

Result<void> Visitors::tell(std::string_view word) {
  const auto line = std::string(word) + "\n";
  for (const auto& visitor : visitors_)
    if (::write(visitor.words.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
      return fail_errno("visitors of the servers do not listen");
  return {};
}

}  // namespace anabranch::lab
