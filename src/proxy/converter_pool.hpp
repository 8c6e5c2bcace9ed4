// SPDX-License-Identifier: MIT
// The converters of a CPE: which one a new connection goes to, which can be reached, and what was
// learned of each. One pool for all worker threads; time and chance are arguments.
//
// A converter that did not answer is left out at once, and asked again by a connection of our own
// (see due()) before it gets a host's: first without delay, since one lost SYN proves nothing, then
// in the interval of the settings.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "proxy/cpe_settings.hpp"
#include "signalling/signalling.hpp"

namespace anabranch::proxy {

class ConverterPool {
 public:
  using Time = std::chrono::steady_clock::time_point;

  ConverterPool(std::vector<ConverterEntry> entries, milliseconds retry);
  ConverterPool(const ConverterPool&) = delete;
  ConverterPool& operator=(const ConverterPool&) = delete;

  struct Choice {
    Endpoint endpoint;
    signalling::Octets cookie;  ///< as it gave it earlier; empty: none
    bool syn_data = true;       ///< its path carries data in SYNs, as far as is known
    bool mptcp = true;          ///< it can offer MPTCP to servers, as far as is known
  };
  /// By weight, with `draw` from all numbers alike. Nothing: none can be reached.
  std::optional<Choice> choose(std::uint32_t draw, Time now) const;

  void reached(const Endpoint& converter);
  /// It did not answer, refused the connection, or is no converter: `why` for people.
  void unreachable(const Endpoint& converter, std::string why, Time now);
  /// It asked to be left alone for a while (Error 64).
  void pause(const Endpoint& converter, std::chrono::seconds wait, Time now);
  /// Data in a SYN did not arrive: none for some minutes.
  void syn_data_lost(const Endpoint& converter, Time now);
  /// It cannot offer MPTCP to servers (Error 33).
  void without_mptcp(const Endpoint& converter);
  void set_cookie(const Endpoint& converter, signalling::Octets cookie);

  /// Those that are to be asked now whether they are there again; each is told once an interval.
  std::vector<Choice> due(Time now);

  /// Keeps what is known of those that stay.
  void set(std::vector<ConverterEntry> entries, milliseconds retry);

  struct View {
    ConverterEntry entry;
    bool reachable = true;
    std::string why = {};  ///< not reachable
    bool syn_data = true;
    bool cookie = false;
    std::uint64_t times_unreachable = 0;
  };
  std::vector<View> view(Time now) const;

 private:
  struct Known {
    ConverterEntry entry;
    bool reachable = true;
    std::string why = {};
    Time ask_at{};
    Time paused_until{};
    Time syn_data_off_until{};
    signalling::Octets cookie = {};
    bool mptcp = true;
    std::uint64_t times_unreachable = 0;
  };

  static Choice choice_of(const Known& one, Time now);
  /// Null: it is not in the list any more.
  Known* find(const Endpoint& converter);

  mutable std::mutex mutex_;
  std::vector<Known> known_;
  milliseconds retry_;
};

}  // namespace anabranch::proxy
