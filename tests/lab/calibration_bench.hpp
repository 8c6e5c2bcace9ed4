// SPDX-License-Identifier: MIT
// What the calibration measures with: network namespaces, UDP that knows when it was sent,
// statistics.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

namespace anabranch::lab::calibration {

constexpr std::size_t kFullPayload = 1472;
constexpr std::size_t kHeaders = 42;  ///< Ethernet, IPv4, UDP

/// Without its instruments the program cannot say anything: these end it with status 2.
void must(bool good, const std::string& what);
void must(const Result<void>& result, const std::string& what);

void become_root_of_a_user_namespace();
/// The new namespace becomes the process's own.
UniqueFd new_namespace();
void enter(const UniqueFd& space);

/// One node of the pair: its namespace and a socket to send from and one to receive at.
struct MeasuringNode {
  UniqueFd space;
  std::string interface;
  std::string address;
  std::string mac;
  UniqueFd sender;
  UniqueFd receiver;
};

/// Makes the node's namespace (and enters it), a veth from there to `wire_end` in `wire_space`,
/// sockets.
void prepare(MeasuringNode& node, const UniqueFd& wire_space, const std::string& wire_end);
/// Enters the node's namespace; packets of its sender go to `peer`.
void connect_to(MeasuringNode& node, const MeasuringNode& peer);
bool carrier(const MeasuringNode& node);

struct Offered {
  std::size_t payload = kFullPayload;
  double packets_per_second = 0;
  nanoseconds time{};
};

struct Arrival {
  MonotonicTime sent;
  MonotonicTime arrived;
};

struct Run {
  std::size_t sent = 0;
  std::vector<Arrival> arrivals;
};

/// Sends evenly, at most every half millisecond a burst; every packet says when it was sent.
std::size_t send_evenly(const MeasuringNode& from, const Offered& offered);
/// Everything that arrives until `done` is set and then nothing more for 20 ms; times are the
/// kernel's.
std::vector<Arrival> receive_all(const MeasuringNode& at, const std::atomic<bool>& done);
/// The receiver stops `linger` after the sender: as long as the link may hold a packet.
Run transfer(const MeasuringNode& from, const MeasuringNode& to, const Offered& offered,
             nanoseconds linger);

/// Octets of whole frames over the time from the first to the last.
double rate_mbit(const Run& run, std::size_t payload);
/// Milliseconds on the way, sorted.
std::vector<double> delays_ms(const Run& run);
double quantile(const std::vector<double>& sorted, double part);
nanoseconds cpu_time_of(pid_t process);

}  // namespace anabranch::lab::calibration
