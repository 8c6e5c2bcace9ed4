// SPDX-License-Identifier: MIT
#include "paths/adoption.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/directories.hpp"
#include "base/log.hpp"

namespace anabranch::paths {
namespace {

constexpr std::string_view kHeading = "anabranch-paths 1\n";
/// A file that is larger is not ours: a connection takes some hundred octets.
constexpr std::size_t kMaxFile = 64u << 20;
/// Ids have eight bits.
constexpr std::size_t kMaxAddresses = 256;
/// What happens together is written together.
constexpr milliseconds kSettle{20};
constexpr int kShareOfTime = 20;

constexpr std::uint8_t kListenState = 10;

/// Takes the text up to `end` off the front; nothing when there is no `end`.
std::optional<std::string_view> cut(std::string_view& text, char end) {
  const auto at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const auto out = text.substr(0, at);
  text.remove_prefix(at + 1);
  return out;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text, int base = 10) {
  Number out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

template <class Entry>
std::string list_text(const std::vector<Entry>& entries) {
  if (entries.empty()) return "-";
  std::string out;
  for (const auto& entry : entries)
    out += fmt::format("{}{}{}={}", out.empty() ? "" : ",", entry.id, entry.announced ? "!" : "",
                       entry.endpoint.text());
  return out;
}

template <class Entry>
std::optional<std::vector<Entry>> parse_list(std::string_view text) {
  std::vector<Entry> out;
  if (text == "-") return out;
  for (bool more = true; more;) {
    const auto comma = text.find(',');
    more = comma != std::string_view::npos;
    auto word = text.substr(0, comma);
    if (more) text.remove_prefix(comma + 1);
    auto id = cut(word, '=');
    if (!id || out.size() == kMaxAddresses) return std::nullopt;
    Entry entry;
    entry.announced = id->ends_with('!');
    if (entry.announced) id->remove_suffix(1);
    const auto number = parse_number<std::uint8_t>(*id);
    const auto endpoint = Endpoint::parse(word);
    if (!number || !endpoint) return std::nullopt;
    entry.id = *number;
    entry.endpoint = *endpoint;
    out.push_back(entry);
  }
  return out;
}

std::string flags_text(const Remembered& connection) {
  std::string out;
  if (connection.server_side) out += 's';
  if (connection.deny_join_id0) out += 'c';
  if (connection.observed_only) out += 'k';
  return out.empty() ? "-" : out;
}

bool parse_flags(std::string_view text, Remembered& out) {
  if (text == "-") return true;
  for (const char flag : text) {
    if (flag == 's')
      out.server_side = true;
    else if (flag == 'c')
      out.deny_join_id0 = true;
    else if (flag == 'k')
      out.observed_only = true;
    else
      return false;
  }
  return true;
}

std::optional<std::pair<Token, Remembered>> parse_line(std::string_view line) {
  const auto token = cut(line, ' ');
  const auto local = cut(line, ' ');
  const auto remote = cut(line, ' ');
  const auto flags = cut(line, ' ');
  const auto peer = cut(line, ' ');
  if (!token || !local || !remote || !flags || !peer) return std::nullopt;
  const auto number = parse_number<Token>(*token, 16);
  const auto from = Endpoint::parse(*local);
  const auto to = Endpoint::parse(*remote);
  auto peer_addresses = parse_list<PeerAddress>(*peer);
  auto own_addresses = parse_list<OwnAddress>(line);
  Remembered out;
  if (!number || !from || !to || !peer_addresses || !own_addresses || !parse_flags(*flags, out))
    return std::nullopt;
  out.local = *from;
  out.remote = *to;
  out.peer_addresses = *std::move(peer_addresses);
  out.own_addresses = *std::move(own_addresses);
  return std::pair(*number, std::move(out));
}

}  // namespace

Remembered remember(const Connection& connection) {
  Remembered out;
  out.local = connection.local;
  out.remote = connection.remote;
  out.server_side = connection.server_side;
  out.deny_join_id0 = connection.deny_join_id0;
  out.observed_only = connection.observed_only;
  for (const auto& [id, address] : connection.peer_addresses) out.peer_addresses.push_back(address);
  for (const auto& [id, announcement] : connection.announcements)
    out.own_addresses.push_back({id, announcement.endpoint, true});
  for (const auto& [key, subflow] : connection.subflows)
    if (std::ranges::none_of(out.own_addresses,
                             [&](const OwnAddress& known) { return known.id == subflow.local_id; }))
      out.own_addresses.push_back({subflow.local_id, key.local, false});
  return out;
}

std::string format_remembered(const RememberedConnections& connections) {
  std::string out(kHeading);
  for (const auto& [token, connection] : connections)
    fmt::format_to(std::back_inserter(out), "{:x} {} {} {} {} {}\n", token, connection.local.text(),
                   connection.remote.text(), flags_text(connection),
                   list_text(connection.peer_addresses), list_text(connection.own_addresses));
  return out;
}

Result<RememberedConnections> parse_remembered(std::string_view text) {
  if (text.size() > kMaxFile || !text.starts_with(kHeading))
    return fail("this is no state file of the path manager");
  text.remove_prefix(kHeading.size());
  RememberedConnections out;
  while (!text.empty()) {
    const auto line = cut(text, '\n');
    auto connection = line ? parse_line(*line) : std::nullopt;
    if (!connection || !out.insert(*std::move(connection)).second)
      return fail(fmt::format("line {} of the state file cannot be understood", out.size() + 2));
  }
  return out;
}

std::filesystem::path adoption_path() {
  return runtime_directory() / "paths.state";
}

RememberedConnections load_remembered() {
  std::error_code absent;
  const auto size = std::filesystem::file_size(adoption_path(), absent);
  if (absent) return {};
  const auto content =
      size > kMaxFile ? Result<std::string>(fail("it is too large")) : read_file(adoption_path());
  auto parsed = content ? parse_remembered(*content)
                        : Result<RememberedConnections>(std::unexpected(content.error()));
  if (parsed) return *std::move(parsed);
  log::warning("{}: {}; what peers announced before is not known", adoption_path().string(),
               parsed.error().what);
  return {};
}

std::vector<input::Adopted> join(std::vector<kernel::ConnectionInfo> connections,
                                 std::vector<kernel::SubflowDiag> subflows,
                                 const RememberedConnections& remembered,
                                 const std::function<bool(const Endpoint&)>& listens,
                                 const std::function<bool(Token)>& is_the_kernels) {
  std::map<Token, std::vector<kernel::SubflowDiag>> by_token;
  for (auto& subflow : subflows) by_token[subflow.token].push_back(std::move(subflow));
  // Thousands of connections of one service share their address.
  std::map<Endpoint, bool> listening;
  std::vector<input::Adopted> out;
  for (auto& connection : connections) {
    if (connection.token == 0 || connection.state == kListenState) continue;
    input::Adopted adopted;
    if (const auto found = by_token.find(connection.token); found != by_token.end())
      adopted.subflows = std::move(found->second);
    const auto known = remembered.find(connection.token);
    // A token may have been given again; ports and addresses then differ.
    if (known != remembered.end() && known->second.local == connection.local &&
        known->second.remote == connection.remote) {
      adopted.server_side = known->second.server_side;
      adopted.deny_join_id0 = known->second.deny_join_id0;
      adopted.observed_only = known->second.observed_only;
      adopted.peer_addresses = known->second.peer_addresses;
      adopted.own_addresses = known->second.own_addresses;
    } else {
      const auto [entry, fresh] = listening.try_emplace(connection.local, false);
      if (fresh) entry->second = listens(connection.local);
      adopted.server_side = entry->second;
      adopted.observed_only = is_the_kernels(connection.token);
    }
    adopted.connection = std::move(connection);
    out.push_back(std::move(adopted));
  }
  return out;
}

Result<std::vector<input::Adopted>> adopt(kernel::SocketDiag& diag, kernel::MptcpCommands& commands,
                                          const RememberedConnections& remembered) {
  auto connections = diag.connections();
  if (!connections) return std::unexpected(connections.error());
  auto subflows = diag.subflows();
  if (!subflows) return std::unexpected(subflows.error());
  return join(
      *std::move(connections), *std::move(subflows), remembered,
      [&](const Endpoint& local) { return diag.listens(local).value_or(false); },
      [&](Token token) { return commands.is_the_kernels(token); });
}

AdoptionFile::AdoptionFile(Loop& loop,
                           std::function<const std::map<Token, Connection>&()> connections)
    : loop_(loop), connections_(std::move(connections)) {}

void AdoptionFile::changed() {
  if (later_) return;
  later_ = loop_.at(std::max(not_before_, MonotonicClock::now() + kSettle), [this] { save(); });
}

void AdoptionFile::save() {
  later_.reset();
  const auto begin = MonotonicClock::now();
  RememberedConnections all;
  for (const auto& [token, connection] : connections_())
    all.emplace_hint(all.end(), token, remember(connection));
  const auto done = replace_file(adoption_path(), format_remembered(all));
  if (!done && !failed_)
    log::warning("a restart will not know what peers announced: {}", done.error().text());
  failed_ = !done;
  const auto now = MonotonicClock::now();
  not_before_ = now + kShareOfTime * (now - begin);
}

}  // namespace anabranch::paths
