// SPDX-License-Identifier: MIT
// What a role lets connections in at by a list of its file, [[incoming]] or [[local]]: a service
// for each entry. An entry that changes is another one, which is there before the former one is
// closed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <expected>
#include <functional>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "base/endpoint.hpp"
#include "proxy/obstacle.hpp"
#include "proxy/service.hpp"
#include "proxy/whole_address.hpp"

namespace anabranch::proxy {

/// A Port is made from an entry of the file and has it as `port`, beside the `service` that lets
/// connections in and what that `listens` on: of a whole address, a port on loopback that nft leads
/// to.
template <class Port>
class ListedPorts {
 public:
  using Entry = decltype(Port::port);
  using Make = std::function<std::unique_ptr<Port>(const Entry&)>;

  /// `section` and `listen`: definitions, to complain of.
  ListedPorts(const config::Setting& section, const config::Setting& listen, Make make)
      : section_(section), listen_(listen), make_(std::move(make)) {}

  /// What a change will need; nothing has changed yet.
  struct Change {
    struct One {
      Port* stays = nullptr;  ///< null: `fresh` comes
      std::unique_ptr<Port> fresh;
      ListeningPlan plan;
      std::vector<Listener> missing;

      Port& port() const { return fresh ? *fresh : *stays; }
    };
    std::vector<One> ports;

    /// For nft. `listening`: what else the role listens on. `from`: who connects, empty for
    /// anybody.
    std::vector<WholeAddress> whole_addresses(std::vector<Endpoint> listening,
                                              const std::vector<IpAddress>& from) const {
      std::vector<WholeAddress> out;
      for (const auto& one : ports) listening.push_back(one.port().port.listen);
      for (const auto& one : ports) {
        const auto& address = one.port().port.listen.address;
        if (one.port().port.whole_address())
          out.push_back({address, one.port().listens.port, ports_at(address, listening), from});
      }
      return out;
    }
  };

  std::expected<Change, Obstacle> prepare(const std::vector<Entry>& entries,
                                          const kernel::ListenerOptions& options,
                                          std::size_t workers) const {
    Change out;
    for (const auto& entry : entries) {
      auto one = prepare(entry, options, workers);
      if (!one)
        return std::unexpected(Obstacle{&section_, &listen_, one.error(), out.ports.size()});
      out.ports.push_back(*std::move(one));
    }
    return out;
  }

  void apply(Change change, const Workers& workers) {
    auto before = std::move(ports_);
    ports_.clear();
    for (auto& one : change.ports) {
      const auto at = std::ranges::find(before, one.stays, &std::unique_ptr<Port>::get);
      ports_.push_back(one.fresh ? std::move(one.fresh) : std::move(*at));
      ports_.back()->service.listen(one.plan, workers, std::move(one.missing));
    }
    for (auto& port : before) {
      if (!port) continue;
      port->service.close();
      leaving_.push_back(std::move(port));
    }
  }

  /// Of the file; those that are no more in it are let go of by leave_idle() when they are unused.
  const std::vector<std::unique_ptr<Port>>& all() const { return ports_; }

  /// Also of those that are no more in the file.
  void each(const std::function<void(const Port&)>& callback) const {
    for (const auto* list : {&ports_, &leaving_})
      for (const auto& port : *list) callback(*port);
  }

  void close() const {
    for (const auto& port : ports_) port->service.close();
  }

  std::uint64_t running() const {
    std::uint64_t out = 0;
    each([&](const Port& port) { out += port.service.running(); });
    return out;
  }

  /// As Service::leave_idle().
  bool leave_idle(const Workers& workers) {
    std::erase_if(leaving_, [](const auto& port) { return port->service.running() == 0; });
    bool left = !leaving_.empty();
    for (const auto& port : ports_) left = port->service.leave_idle(workers) || left;
    return left;
  }

  void clear() {
    ports_.clear();
    leaving_.clear();
  }

 private:
  static bool is_whole_address(const Entry& entry) {
    if constexpr (requires { entry.whole_address(); })
      return entry.whole_address();
    else
      return false;
  }

  Result<typename Change::One> prepare(const Entry& entry, kernel::ListenerOptions options,
                                       std::size_t workers) const {
    typename Change::One out;
    const auto same = [&](const auto& one) { return one->port == entry; };
    const auto found = std::ranges::find_if(ports_, same);
    options.transparent = is_whole_address(entry);
    if (found != ports_.end()) {
      out.stays = found->get();
    } else {
      out.fresh = make_(entry);
      out.fresh->listens = entry.listen;
      if (is_whole_address(entry)) {
        auto first = listen_on_loopback(entry.listen.address.family(), options);
        if (!first) return std::unexpected(first.error());
        out.fresh->listens = first->endpoint;
        out.missing.push_back(*std::move(first));
        --workers;
      }
    }
    out.plan = {{out.port().listens}, options};
    auto missing = out.port().service.open_missing(out.plan, workers);
    if (!missing) return std::unexpected(missing.error());
    std::ranges::move(*missing, std::back_inserter(out.missing));
    return out;
  }

  const config::Setting& section_;
  const config::Setting& listen_;
  Make make_;
  std::vector<std::unique_ptr<Port>> ports_;    ///< in the order of the file
  std::vector<std::unique_ptr<Port>> leaving_;  ///< taken out of the file, with connections
};

}  // namespace anabranch::proxy
