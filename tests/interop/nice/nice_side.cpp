#include "nice_side.hpp"

#include <stdexcept>

namespace causeway::interop {
namespace {

net::Endpoint endpoint_of(const NiceAddress& address) {
  char text[NICE_ADDRESS_STRING_LEN] = {};
  nice_address_to_string(&address, text);
  return {net::IpAddress::parse(text).value(), static_cast<std::uint16_t>(nice_address_get_port(&address))};
}

}  // namespace

NiceSide::NiceSide(EventLoop& loop, bool controlling, unsigned options,
                   const std::vector<std::string>& addresses)
    : agent_(nice_agent_new_full(loop.context(), NICE_COMPATIBILITY_RFC5245,
                                 static_cast<NiceAgentOption>(options))) {
  g_object_set(agent_, "controlling-mode", static_cast<gboolean>(controlling), "upnp", FALSE, "ice-tcp",
               FALSE, nullptr);
  for (const std::string& text : addresses) {
    NiceAddress address;
    nice_address_init(&address);
    if (!nice_address_set_from_string(&address, text.c_str())) throw std::runtime_error(text);
    nice_agent_add_local_address(agent_, &address);
  }
  stream_ = nice_agent_add_stream(agent_, 1);
  if (stream_ == 0) throw std::runtime_error("NiceAgent makes no stream");

  const auto on_gathered = [](NiceAgent*, guint, gpointer data) {
    static_cast<NiceSide*>(data)->has_gathered_ = true;
  };
  void (*gathered)(NiceAgent*, guint, gpointer) = on_gathered;
  g_signal_connect(agent_, "candidate-gathering-done", G_CALLBACK(gathered), this);
  const NiceAgentRecvFunc on_data = [](NiceAgent*, guint, guint, guint length, gchar* bytes, gpointer data) {
    static_cast<NiceSide*>(data)->received.emplace_back(bytes, length);
  };
  nice_agent_attach_recv(agent_, stream_, 1, loop.context(), on_data, this);
  if (!nice_agent_gather_candidates(agent_, stream_)) throw std::runtime_error("NiceAgent cannot gather");
}

NiceSide::~NiceSide() {
  nice_agent_remove_stream(agent_, stream_);
  g_object_unref(agent_);
}

ice::Credentials NiceSide::credentials() const {
  gchar *ufrag = nullptr, *password = nullptr;
  if (!nice_agent_get_local_credentials(agent_, stream_, &ufrag, &password)) {
    throw std::runtime_error("NiceAgent has no credentials");
  }
  ice::Credentials credentials{ufrag, password};
  g_free(ufrag);
  g_free(password);
  return credentials;
}

std::vector<ice::Candidate> NiceSide::candidates() const {
  std::vector<ice::Candidate> candidates;
  GSList* list = nice_agent_get_local_candidates(agent_, stream_, 1);
  for (GSList* item = list; item != nullptr; item = item->next) {
    const auto& theirs = *static_cast<NiceCandidate*>(item->data);
    ice::Candidate candidate;
    candidate.address = endpoint_of(theirs.addr);
    candidate.foundation = theirs.foundation;
    candidate.priority = theirs.priority;
    candidates.push_back(candidate);
  }
  g_slist_free_full(list, [](gpointer item) { nice_candidate_free(static_cast<NiceCandidate*>(item)); });
  return candidates;
}

std::uint64_t NiceSide::tiebreaker() const {
  guint64 value = 0;
  g_object_get(agent_, "tie-breaker", &value, nullptr);
  return value;
}

void NiceSide::set_remote_credentials(const ice::Credentials& remote) {
  if (!nice_agent_set_remote_credentials(agent_, stream_, remote.ufrag.c_str(), remote.password.c_str())) {
    throw std::runtime_error("NiceAgent refuses our credentials");
  }
}

void NiceSide::add_remote_candidate(const ice::Candidate& candidate) {
  NiceCandidate* theirs = nice_candidate_new(NICE_CANDIDATE_TYPE_HOST);
  theirs->component_id = 1;
  theirs->stream_id = stream_;
  theirs->transport = NICE_CANDIDATE_TRANSPORT_UDP;
  theirs->priority = candidate.priority;
  g_strlcpy(theirs->foundation, candidate.foundation.c_str(), sizeof theirs->foundation);
  nice_address_init(&theirs->addr);
  nice_address_set_from_string(&theirs->addr, candidate.address.address.to_string().c_str());
  nice_address_set_port(&theirs->addr, candidate.address.port);
  theirs->base_addr = theirs->addr;
  GSList* list = g_slist_append(nullptr, theirs);
  const int added = nice_agent_set_remote_candidates(agent_, stream_, 1, list);
  g_slist_free(list);
  nice_candidate_free(theirs);
  if (added != 1) throw std::runtime_error("NiceAgent refuses our candidate");
}

void NiceSide::end_of_candidates() { nice_agent_peer_candidate_gathering_done(agent_, stream_); }

void NiceSide::restart() {
  if (!nice_agent_restart_stream(agent_, stream_)) throw std::runtime_error("NiceAgent does not restart");
}

void NiceSide::revoke_consent() {
  if (!nice_agent_consent_lost(agent_, stream_, 1)) throw std::runtime_error("NiceAgent keeps its consent");
}

std::pair<std::string, std::string> NiceSide::selected() const {
  NiceCandidate *local = nullptr, *remote = nullptr;
  if (!nice_agent_get_selected_pair(agent_, stream_, 1, &local, &remote)) return {};
  return {endpoint_of(local->addr).to_string(), endpoint_of(remote->addr).to_string()};
}

bool NiceSide::send(const std::string& text) {
  return nice_agent_send(agent_, stream_, 1, static_cast<guint>(text.size()), text.c_str()) ==
         static_cast<gint>(text.size());
}

}  // namespace causeway::interop
