/**
 * The connection to the API server: where it is and who asks, from the pod's own files or a kubeconfig. The one place that
 * constructs the client library. It must never wait without a deadline, skip the check of the server's certificate, or let
 * a request or an answer into an error.
 * @module
 */
import {
  HttpMethod,
  IsomorphicFetchHttpLibrary,
  KubeConfig,
  RequestContext,
  type ResponseContext,
} from '@kubernetes/client-node';
import { ApiError, reasonOf } from './api-error.ts';
import { contentTypes, type ApiClient, type ApiRequest } from './api-client.ts';

/** `in-cluster`, or the path of a kubeconfig. */
export type KubernetesAccess = string;

const defaultTimeoutSeconds = 10;
/** Longest answer, bytes: a page of 500 large pods fits. */
const answerLimitBytes = 33_554_432;
/** Longest line of a watch: an object has at most 1.5 MiB in etcd. */
const lineLimitBytes = 4_194_304;

/** @throws TypeError for a kubeconfig that cannot be used */
export function openKubernetesApi(access: KubernetesAccess): ApiClient {
  const config = new KubeConfig();
  if (access === 'in-cluster') config.loadFromCluster();
  else config.loadFromFile(access);
  return createApiClient(config);
}

/** @throws TypeError where the server would not be checked */
export function createApiClient(config: KubeConfig): ApiClient {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new TypeError('Cannot use the kubeconfig: it names no cluster');
  if (!cluster.server.startsWith('https://') || cluster.skipTLSVerify) {
    throw new TypeError('Cannot use the kubeconfig: the API server must be checked by its certificate');
  }
  const base = cluster.server.replace(/\/+$/, '');
  const library = new IsomorphicFetchHttpLibrary();

  async function send(request: ApiRequest, signal: AbortSignal): Promise<ResponseContext> {
    const query = new URLSearchParams(request.query).toString();
    const context = new RequestContext(
      `${base}${request.path}${query === '' ? '' : `?${query}`}`,
      HttpMethod[request.method],
    );
    context.setHeaderParam('Accept', contentTypes.json);
    if (request.body !== undefined) {
      context.setHeaderParam('Content-Type', request.contentType ?? contentTypes.json);
      context.setBody(JSON.stringify(request.body));
    }
    context.setSignal(signal);
    try {
      await config.applySecurityAuthentication(context);
      return await library.send(context).toPromise();
    } catch (error) {
      throw notAnswered(error);
    }
  }

  return {
    async ask(request) {
      const signal = deadlineOf(request);
      const response = await send(request, signal);
      const text = await readText(response);
      const body = parse(text);
      const { httpStatusCode: status } = response;
      if (status < 200 || status > 299) throw new ApiError(status, reasonOf(body, 'Unknown'));
      if (body === undefined) throw new ApiError(0, 'AnswerUnreadable');
      return body;
    },
    async *follow(request) {
      const signal = deadlineOf(request);
      const response = await send(request, signal);
      const { httpStatusCode: status } = response;
      if (status !== 200) throw new ApiError(status, reasonOf(parse(await readText(response)), 'Unknown'));
      for await (const line of linesOf(response)) {
        const event = parse(line);
        if (event === undefined) throw new ApiError(0, 'AnswerUnreadable');
        yield event;
      }
    },
  };
}

function deadlineOf({ timeoutSeconds = defaultTimeoutSeconds, signal }: ApiRequest): AbortSignal {
  const deadline = AbortSignal.timeout(timeoutSeconds * 1000);
  return signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
}

async function readText(response: ResponseContext): Promise<string> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const piece of bytesOf(response)) {
      length += piece.length;
      if (length > answerLimitBytes) throw new ApiError(0, 'AnswerTooLarge');
      pieces.push(piece);
    }
  } catch (error) {
    throw notAnswered(error);
  }
  return Buffer.concat(pieces, length).toString('utf8');
}

async function* linesOf(response: ResponseContext): AsyncGenerator<string> {
  let rest = '';
  const decoder = new TextDecoder();
  try {
    for await (const piece of bytesOf(response)) {
      const lines = `${rest}${decoder.decode(piece, { stream: true })}`.split('\n');
      rest = lines.pop()!;
      if (rest.length > lineLimitBytes) throw new ApiError(0, 'AnswerTooLarge');
      for (const line of lines) if (line !== '') yield line;
    }
  } catch (error) {
    throw notAnswered(error);
  }
}

function bytesOf(response: ResponseContext): AsyncIterable<Uint8Array> {
  return (response.body.stream() ?? []) as unknown as AsyncIterable<Uint8Array>;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The library's errors may quote addresses and headers; only what kind they are is kept. */
function notAnswered(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const { name, code, cause } = (error ?? {}) as { name?: unknown; code?: unknown; cause?: { code?: unknown } };
  if (name === 'TimeoutError') return new ApiError(0, 'Timeout');
  if (name === 'AbortError') return new ApiError(0, 'Aborted');
  const known = [code, cause?.code].find((each) => typeof each === 'string' && /^[A-Z_]{1,64}$/.test(each));
  return new ApiError(0, typeof known === 'string' ? known : 'Unreachable');
}
