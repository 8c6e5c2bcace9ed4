// SPDX-License-Identifier: MIT
// A path prober on a string, for tests/scenario/probe.py: questions on standard input, a line each,
// what comes of them on standard output. Ends with its input.
//
//   ask ID SOURCE IFINDEX DESTINATION PORT MILLISECONDS    -> answered ID MICROSECONDS
//   measure ID SOURCE IFINDEX DESTINATION PORT MILLISECONDS PACKETS OCTETS
//                                            -> measured ID SENT ANSWERED MICROSECONDS
//                                            BITS_PER_SECOND
//   counters                                               -> counters SENT ANSWERED IGNORED
//
// What is refused: "refused ID why".
#include <array>
#include <iostream>
#include <sstream>
#include <string>

#include <fmt/core.h>
#include <unistd.h>

#include "probe/path_prober.hpp"

using namespace anabranch;

namespace {

void say(const std::string& line) {
  std::cout << line << std::endl;
}

double microseconds_of(nanoseconds time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

void obey(probe::PathProber& prober, const std::string& line) {
  std::istringstream words(line);
  std::string verb;
  words >> verb;
  if (verb == "counters") {
    const auto counters = prober.counters();
    return say(
        fmt::format("counters {} {} {}", counters.sent, counters.answered, counters.ignored));
  }
  std::uint64_t id = 0;
  std::string source;
  std::string destination;
  probe::Target target;
  int patience = 0;
  words >> id >> source >> target.ifindex >> destination >> target.port >> patience;
  target.source = IpAddress::parse(source).value();
  target.destination = IpAddress::parse(destination).value();
  Result<void> done;
  if (verb == "measure") {
    unsigned packets = 0;
    unsigned octets = 0;
    words >> packets >> octets;
    done = prober.measure(id, target, packets, octets, milliseconds(patience));
  } else {
    done = prober.ask(id, target, milliseconds(patience));
  }
  if (!done) say(fmt::format("refused {} {}", id, done.error().what));
}

}  // namespace

int main() {
  Loop loop;
  auto prober = probe::PathProber::open(
      loop, {.answered =
                 [](const probe::Answer& answer) {
                   say(fmt::format("answered {} {:.1f}", answer.id, microseconds_of(answer.rtt)));
                 },
             .measured =
                 [](const probe::Measurement& measured) {
                   say(fmt::format("measured {} {} {} {:.1f} {:.0f}", measured.id, measured.sent,
                                   measured.answered, microseconds_of(measured.rtt),
                                   measured.rate.bits_per_second));
                 }});
  if (!prober) {
    std::cerr << prober.error().text() << '\n';
    return 1;
  }
  std::string pending;
  const auto input = loop.on_readable(STDIN_FILENO, [&] {
    std::array<char, 4096> buffer;
    const auto length = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (length <= 0) return loop.stop();
    pending.append(buffer.data(), static_cast<std::size_t>(length));
    for (std::size_t end; (end = pending.find('\n')) != std::string::npos;
         pending.erase(0, end + 1))
      obey(*prober, pending.substr(0, end));
  });
  loop.run();
  return 0;
}
