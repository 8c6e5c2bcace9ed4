// SPDX-License-Identifier: MIT
#include "proxy/local_settings.hpp"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <sys/stat.h>

#include "proxy/rule_settings.hpp"

namespace anabranch::proxy {
namespace {

using config::Section;
namespace key = definition::local;

/// RFC 1929: what a length octet can say.
constexpr std::size_t kMostOctets = 255;

void read_clients(const Section& section, LocalDoorSettings& out) {
  if (!section.has(key::kClients)) {
    out.clients = {IpPrefix::parse("127.0.0.0/8").value(), IpPrefix::parse("::1").value()};
    return;
  }
  out.clients = read_prefixes(section, key::kClients);
  if (!out.users.empty()) return;
  for (const auto& prefix : out.clients)
    if (prefix.length() == 0)
      section.complain(key::kClients, prefix.text() + " makes this a proxy open to everybody",
                       "name your clients' prefixes, or a 'users_file'");
}

LocalDoorSettings read_one(const Section& section) {
  LocalDoorSettings out;
  const auto text = section.text(key::kListen);
  if (const auto endpoint = Endpoint::parse(text); endpoint && endpoint->port != 0)
    out.listen = *endpoint;
  else if (!text.empty())
    section.complain(key::kListen, "'" + text + "' is not an address with a port",
                     "write it like \"127.0.0.1:1080\" or \"[::1]:1080\"");
  out.protocol =
      section.choice(key::kProtocol) == "http" ? LocalProtocol::kHttp : LocalProtocol::kSocks5;
  out.users = section.text(key::kUsers);
  if (out.protocol == LocalProtocol::kHttp && !out.users.empty())
    section.complain(key::kUsers, "'users_file' has no meaning beside protocol = \"http\"",
                     "leave it out, or serve SOCKS5");
  read_clients(section, out);
  out.total = static_cast<std::uint64_t>(section.number(key::kTotal));
  out.per_client = static_cast<std::uint64_t>(section.number(key::kPerClient));
  return out;
}

}  // namespace

std::string_view local_protocol_name(LocalProtocol protocol) {
  return key::kProtocols.at(static_cast<std::size_t>(protocol));
}

std::vector<LocalDoorSettings> read_local(const Section& root) {
  std::vector<LocalDoorSettings> out;
  for (const auto& section : root.sections(key::kLocal)) {
    auto one = read_one(section);
    const auto same = [&](const LocalDoorSettings& other) { return other.listen == one.listen; };
    if (one.listen.port != 0 && std::ranges::any_of(out, same))
      section.complain(key::kListen, one.listen.text() + " is there twice", "once is enough");
    out.push_back(std::move(one));
  }
  return out;
}

Result<LocalUsers> load_local_users(const std::filesystem::path& file) {
  std::ifstream stream(file);
  struct stat found {};
  if (!stream || ::stat(file.c_str(), &found) != 0)
    return fail_errno("cannot read the users of [[local]]", file.string());
  if ((found.st_mode & S_IROTH) != 0)
    return fail("everybody can read the passwords", file.string(), "chmod o= " + file.string(),
                ExitCode::kBadInput);
  LocalUsers out;
  std::string line;
  for (unsigned number = 1; std::getline(stream, line); ++number) {
    if (line.empty() || line.front() == '#') continue;
    const auto colon = line.find(':');
    if (colon == 0 || colon > kMostOctets || line.size() - colon - 1 > kMostOctets)
      return fail("this is no user", fmt::format("{}:{}", file.string(), number),
                  "write \"name:password\", each of 255 octets at most", ExitCode::kBadInput);
    out[line.substr(0, colon)] = line.substr(colon + 1);
  }
  return out;
}

bool password_holds(const LocalUsers& users, std::string_view user, std::string_view password) {
  const auto found = users.find(user);
  if (found == users.end() || found->second.size() != password.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < password.size(); ++i)
    difference |= static_cast<unsigned char>(found->second[i] ^ password[i]);
  return difference == 0;
}

}  // namespace anabranch::proxy
