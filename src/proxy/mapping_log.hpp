// SPDX-License-Identifier: MIT
// Who was behind a shared address and port, and when (RFC 6888 section 4, RFC 8803 section 9.1):
// one line when a connection begins and one when it ends. Never waits for the disk on a worker
// thread: lines are collected, and written by who calls flush().
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "base/endpoint.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

namespace anabranch::proxy {

struct Mapping {
  Endpoint client;
  Endpoint source;  ///< our address and port towards the server
  Endpoint server;
};

class MappingLog {
 public:
  static Result<std::unique_ptr<MappingLog>> open(const std::filesystem::path& file);

  /// "2026-01-02T03:04:05.678Z begin 192.0.2.7:1234 198.51.100.9:40001 203.0.113.5:443"; `what` is
  /// "begin" or "end".
  void write(std::string_view what, const Mapping& mapping);

  /// Lines that did not fit into memory since the disk was too slow, so far.
  std::uint64_t lost() const;
  /// From one thread.
  Result<void> flush();
  /// What is said from here on stands in the file of `other`. From the thread that flushes.
  void go_on_in(std::unique_ptr<MappingLog> other);

 private:
  explicit MappingLog(std::filesystem::path path, UniqueFd file)
      : path_(std::move(path)), file_(std::move(file)) {}

  std::filesystem::path path_;
  UniqueFd file_;
  mutable std::mutex mutex_;
  std::string lines_;
  std::uint64_t lost_ = 0;
};

}  // namespace anabranch::proxy
