-- Who is where, as all nodes of a cluster share it: a command is done at once, with nothing in between.
--
--   KEYS  none: all that is here begins with one prefix, and is on one server
--   ARGV  the prefix, the command, what it needs
--
-- What there is, each with the prefix before it:
--
--   nodes                 sorted set: node -> when its lease ends (Unix time, in ms); -1: it is being removed
--   returning             set: nodes that have no lease, or had none, and are yet to say whom they have
--   epoch                 a random text: another one, and Redis has lost what it had
--   held:NODE             set: the clients (NAMESPACE,KEY) that a node has
--   client:NAMESPACE,KEY  hash: node -> connections there; and two fields that are no nodes:
--                           published   what everybody may know of the client, as JSON
--                           announced   the node that told of its coming
--   online:NAMESPACE      set: the keys of those who are there
--   buried:NAMESPACE,KEY  for five minutes, or until its next coming is told: the node that told of a client's going
--   total:NAMESPACE       how many connections they have
--   node:NODE, all        channels, for one node and for all

local prefix, command = ARGV[1], ARGV[2]
local PUBLISHED, ANNOUNCED = 'published', 'announced'

local function named(...)
  return prefix .. ':' .. table.concat({...}, '')
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The connections of a client by node, what is published of it, whether it was announced.
local function look_up(client)
  local fields = redis.call('HGETALL', named('client:', client))
  local by_node, published, announced = {}, false, false
  for i = 1, #fields, 2 do
    if fields[i] == PUBLISHED then published = fields[i + 1]
    elseif fields[i] == ANNOUNCED then announced = fields[i + 1]
    else by_node[fields[i]] = tonumber(fields[i + 1]) end
  end
  return by_node, published, announced
end

local function total_of(by_node)
  local total = 0
  for _, connections in pairs(by_node) do total = total + connections end
  return total
end

-- Namespaces have no comma.
local function split(client)
  local at = string.find(client, ',', 1, true)
  return string.sub(client, 1, at - 1), string.sub(client, at + 1)
end

local function count(by_node)
  local nodes = 0
  for _ in pairs(by_node) do nodes = nodes + 1 end
  return nodes
end

-- Nodes share what a client may do: each of those that have it is to know how many they are.
local function share(client, by_node, but)
  local nodes = count(by_node)
  for node in pairs(by_node) do
    if node ~= but then redis.call('PUBLISH', named('node:', node), nodes .. ' ' .. client) end
  end
end

-- A node has a client no longer: what was published of it if nobody has it now and its coming was told. The going is
-- told by the node that asks for this, the teller; without one, by nobody.
local function remove(node, client, teller)
  local by_node, published, announced = look_up(client)
  redis.call('SREM', named('held:', node), client)
  if not by_node[node] then return false end
  local namespace, key = split(client)
  redis.call('HDEL', named('client:', client), node)
  redis.call('DECRBY', named('total:', namespace), by_node[node])
  by_node[node] = nil
  if next(by_node) then
    share(client, by_node)
    return false
  end
  redis.call('DEL', named('client:', client))
  redis.call('SREM', named('online:', namespace), key)
  if redis.call('EXISTS', named('online:', namespace)) == 0 then redis.call('DEL', named('total:', namespace)) end
  if announced and teller then redis.call('SET', named('buried:', client), teller, 'EX', 300) end
  return announced and published
end

local commands = {}

-- How many connections a node has of a client.
--   most       refuse when there would be more in all of the cluster; 0: never
--   announce   'now': tell when it has not been told; 'again': likewise, and the answer to the same was lost;
--              'known': it has been told; 'later'
-- Returns the connections of the other nodes, the number of nodes that have the client, and what is to be told:
-- 'full', 'came', 'went' (and what was published), 'nothing', 'unknown': it had none there before.
function commands.set(node, client, connections, most, announce, published)
  connections, most = tonumber(connections), tonumber(most)
  if connections == 0 then
    local was_there = redis.call('HEXISTS', named('client:', client), node) == 1
    local went = remove(node, client, node)
    if not went and announce == 'again' and redis.call('GET', named('buried:', client)) == node then
      went = published
    end
    if went then return {0, 0, 'went', went} end
    return {0, 0, was_there and 'nothing' or 'unknown'}
  end
  local by_node, _, announced = look_up(client)
  local before = by_node[node] or 0
  local others = total_of(by_node) - before
  if most > 0 and others + connections > most then return {others, 0, 'full'} end
  local namespace, key = split(client)
  redis.call('HSET', named('client:', client), node, connections, PUBLISHED, published)
  redis.call('SADD', named('held:', node), client)
  redis.call('SADD', named('online:', namespace), key)
  redis.call('INCRBY', named('total:', namespace), connections - before)
  by_node[node] = connections
  if before == 0 then share(client, by_node, node) end
  local nodes = count(by_node)
  if announce == 'later' then return {others, nodes, 'nothing'} end
  if announced then return {others, nodes, announce == 'again' and announced == node and 'came' or 'nothing'} end
  redis.call('HSET', named('client:', client), ANNOUNCED, node)
  redis.call('DEL', named('buried:', client))
  return {others, nodes, announce == 'known' and 'nothing' or 'came'}
end

-- Pass a message on to the other nodes that have a client: how many connections those that heard it have.
function commands.tell(node, client, message)
  local by_node = look_up(client)
  local connections = 0
  for other, count in pairs(by_node) do
    if other ~= node and redis.call('PUBLISH', named('node:', other), message) > 0 then
      connections = connections + count
    end
  end
  return connections
end

-- A client: its connections, and what is published of it. Nothing where it has none.
function commands.find(client)
  local by_node, published = look_up(client)
  local total = total_of(by_node)
  if total == 0 then return {} end
  return {total, published}
end

-- Some of the clients of a namespace: where to go on, and for each its key, connections, and what is published.
function commands.online(namespace, cursor)
  local page = redis.call('SSCAN', named('online:', namespace), cursor, 'COUNT', 500)
  local found = {page[1]}
  for _, key in ipairs(page[2]) do
    local by_node, published = look_up(namespace .. ',' .. key)
    local total = total_of(by_node)
    if total > 0 then
      found[#found + 1] = key
      found[#found + 1] = total
      found[#found + 1] = published
    end
  end
  return found
end

-- How many clients a namespace has, and how many connections they have.
function commands.count(namespace)
  local total = redis.call('GET', named('total:', namespace))
  return {redis.call('SCARD', named('online:', namespace)), tonumber(total or 0)}
end

-- Go on having a lease.
--   has_said  '1': the node has said whom it has, since it heard that it had no lease
-- Returns whether it had one, the epoch, the number of nodes, those whose lease has ended, and how many are yet to say
-- whom they have.
function commands.renew(node, lease_ms, new_epoch, has_said)
  local now = now_ms()
  local ends = tonumber(redis.call('ZSCORE', named('nodes'), node) or -1)
  -- First: when Redis is full, it refuses this, but not what follows the first thing that it has done.
  redis.call('ZADD', named('nodes'), now + lease_ms, node)
  if has_said == '1' then redis.call('SREM', named('returning'), node) end
  if ends <= 0 then redis.call('SADD', named('returning'), node) end
  local kept = 1 - redis.call('SISMEMBER', named('returning'), node)
  if redis.call('EXISTS', named('epoch')) == 0 then redis.call('SET', named('epoch'), new_epoch) end
  local ended = redis.call('ZRANGEBYSCORE', named('nodes'), '-inf', now)
  local nodes = redis.call('ZCARD', named('nodes')) - #ended
  -- Another process of Redis may have what there was a while ago: from its disk, or as the replica of the one before.
  local about = redis.pcall('INFO', 'server')
  local process = type(about) == 'string' and string.match(about, 'run_id:(%w+)') or ''
  local epoch = redis.call('GET', named('epoch')) .. process
  return {kept, epoch, nodes, ended, redis.call('SCARD', named('returning'))}
end

-- Keep a lease while there is much to do; not one that the others have found to have ended.
function commands.keep(node, lease_ms)
  local ends = tonumber(redis.call('ZSCORE', named('nodes'), node) or -1)
  if ends > 0 then redis.call('ZADD', named('nodes'), now_ms() + lease_ms, node) end
  return 0
end

-- Forget some of the clients of a node that is about to say whom it has: whether there are more.
function commands.forget(node, most)
  for _, client in ipairs(redis.call('SRANDMEMBER', named('held:', node), most)) do remove(node, client) end
  return redis.call('EXISTS', named('held:', node))
end

-- Remove some of the clients of a node whose lease has ended. Returns nothing when there is no such node; else whether
-- it has more of them, and of those who have no connection any more: the client, and what was published of it.
function commands.reap(teller, node, most)
  local ends = redis.call('ZSCORE', named('nodes'), node)
  if not ends or tonumber(ends) > now_ms() then return {} end
  redis.call('ZADD', named('nodes'), -1, node)
  local found = {1}
  for _, client in ipairs(redis.call('SRANDMEMBER', named('held:', node), most)) do
    local went = remove(node, client, teller)
    if went then
      found[#found + 1] = client
      found[#found + 1] = went
    end
  end
  if redis.call('EXISTS', named('held:', node)) == 0 then
    redis.call('ZREM', named('nodes'), node)
    redis.call('SREM', named('returning'), node)
    found[1] = 0
  end
  return found
end

-- Fails where nothing may be written, as in a replica.
function commands.check()
  return redis.call('DEL', named('check'))
end

-- Whether nobody has a client, and nobody has told of its going.
function commands.bury(node, client)
  if redis.call('EXISTS', named('client:', client)) == 1 then return 0 end
  local buried = redis.call('SET', named('buried:', client), node, 'NX', 'EX', 300)
  return buried and 1 or 0
end

-- A node stops: what it has is removed by the others, at once.
function commands.resign(node)
  redis.call('SREM', named('returning'), node)
  if redis.call('EXISTS', named('held:', node)) == 1 then
    redis.call('ZADD', named('nodes'), 0, node)
  else
    redis.call('ZREM', named('nodes'), node)
  end
  return 0
end

return commands[command](unpack(ARGV, 3))
