import { API_VERSION, type WorkflowDocument } from '@/model/document'

const expression = (inner: string): string => `\${${inner}}`

/** A small flow that runs anywhere: it calls no service. */
export const EXAMPLE: WorkflowDocument = {
  apiVersion: API_VERSION,
  name: 'expense-claim',
  title: 'Expense claim',
  inputs: {
    type: 'object',
    required: ['purpose', 'amount'],
    properties: {
      purpose: { type: 'string', title: 'Purpose', default: 'Train to Kiel' },
      amount: { type: 'number', title: 'Amount in EUR', default: 240 },
    },
  },
  nodes: [
    {
      id: 'size',
      type: 'branch',
      title: 'Large or small?',
      config: { cases: [{ when: 'inputs.amount > 100.0', port: 'large' }], default: 'small' },
    },
    {
      id: 'ask',
      type: 'hitl',
      title: 'Ask for approval',
      config: {
        message: `Pay ${expression('inputs.amount')} EUR for ${expression('inputs.purpose')}?`,
        payload: { amount: expression('inputs.amount') },
        timeout: '2d',
      },
    },
    {
      id: 'pay',
      type: 'transform',
      title: 'Pay',
      join: 'any',
      config: { value: `Paid for ${expression('inputs.purpose')}` },
    },
    {
      id: 'refuse',
      type: 'transform',
      title: 'Say no',
      config: { value: `Not paid: ${expression('nodes.ask.output.comment')}` },
    },
  ],
  edges: [
    { from: 'size', to: 'ask', on: 'large' },
    { from: 'size', to: 'pay', on: 'small' },
    { from: 'ask', to: 'pay' },
    { from: 'ask', to: 'refuse', on: 'rejected' },
  ],
}
